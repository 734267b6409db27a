#pragma once
// A small S3 in memory behind a scripted peer, path style, one bucket named `bucket`. It takes
// every signature; real servers judge those (tests/e2e). What it answers follows the Amazon S3 API
// Reference.

#include "support/scripted_peer.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace wale::test {

class fake_s3 {
public:
  using hook = std::function<std::optional<answer>(const received_request&)>;
  using later_hook = std::function<void(const received_request&, answer&)>;

  explicit fake_s3(peer_options o = {});

  scripted_peer& peer() { return *peer_; }
  std::string endpoint() const { return peer_->url(); }

  /// Asked first; what it answers has no effect on the objects.
  void before(hook h);
  /// May change an answer after its effect, for example lose it.
  void after(later_hook h);

  std::map<std::string, std::string> objects() const;
  std::size_t unfinished_uploads() const;
  void begin_upload(const std::string& key, const std::string& initiated);

  static answer error(int status, const std::string& code, header_list more = {});

private:
  struct object {
    std::string body;
    header_list headers;
    std::string etag;
  };
  struct upload {
    std::string key;
    header_list headers;
    std::map<unsigned, std::string> parts;
    std::string initiated = "2026-11-20T00:00:00.000Z";
  };
  using query = std::map<std::string, std::string>;

  answer respond(const received_request& r);
  answer serve(const received_request& r);
  answer of_bucket(const received_request& r, const query& q);
  answer of_object(const received_request& r, const std::string& key, const query& q);
  answer list(const query& q) const;
  answer list_uploads(const query& q) const;
  answer remove(const std::string& xml);
  answer put(const received_request& r, const std::string& key, std::string body, header_list h);
  answer put_part(const query& q, const std::string& body);
  answer complete(const received_request& r, const std::string& key, const query& q);
  answer get(const received_request& r, const std::string& key) const;

  mutable std::mutex mutex_;
  hook before_;
  later_hook after_;
  std::map<std::string, object> objects_;
  std::map<std::string, upload> uploads_;
  unsigned next_ = 0;
  std::unique_ptr<scripted_peer> peer_;
};

} // namespace wale::test
