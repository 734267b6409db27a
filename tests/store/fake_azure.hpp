#pragma once
// A small Blob service in memory behind a scripted peer, path style, one account and one container.
// It takes every signature; a real server judges those (tests/e2e). What it answers follows the
// Azure Storage Services REST API Reference.

#include "support/scripted_peer.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace wale::test {

class fake_azure {
public:
  using hook = std::function<std::optional<answer>(const received_request&)>;
  using later_hook = std::function<void(const received_request&, answer&)>;

  explicit fake_azure(peer_options o = {});

  scripted_peer& peer() { return *peer_; }
  std::string endpoint() const { return peer_->url() + "/account"; }

  /// Asked first; what it answers has no effect on the blobs.
  void before(hook h);
  /// May change an answer after its effect, for example lose it.
  void after(later_hook h);
  /// Blobs on a page of a listing.
  void page_size(std::size_t n) { page_size_ = n; }

  std::map<std::string, std::string> blobs() const;

  static answer error(int status, const std::string& code, header_list more = {});

private:
  struct blob {
    std::string body;
    header_list headers;
    std::string etag;
    std::map<std::string, std::string> blocks; ///< that it was made of
  };
  using query = std::map<std::string, std::string>;

  answer respond(const received_request& r);
  answer serve(const received_request& r);
  answer of_blob(const received_request& r, const std::string& name, const query& q);
  answer put(const received_request& r, const std::string& name, std::string body);
  answer commit(const received_request& r, const std::string& name);
  answer get(const received_request& r, const std::string& name) const;
  answer list(const query& q) const;

  mutable std::mutex mutex_;
  hook before_;
  later_hook after_;
  std::map<std::string, blob> blobs_;
  std::map<std::string, std::map<std::string, std::string>> blocks_; ///< not committed
  std::size_t page_size_ = 1000;
  unsigned next_ = 0;
  std::unique_ptr<scripted_peer> peer_;
};

} // namespace wale::test
