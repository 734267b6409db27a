#pragma once
// A small Swift in memory behind a scripted peer, with version 1 of the identity service and one
// container named `container`. What it answers follows the Object Storage API Reference and
// OpenStack Swift's documentation of static large objects and bulk delete.

#include "support/scripted_peer.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace wale::test {

class fake_swift {
public:
  using hook = std::function<std::optional<answer>(const received_request&)>;
  using later_hook = std::function<void(const received_request&, answer&)>;

  explicit fake_swift(peer_options o = {});

  scripted_peer& peer() { return *peer_; }
  std::string auth_url() const { return peer_->url() + "/auth/v1.0"; }

  /// Asked first; what it answers has no effect on the objects.
  void before(hook h);
  /// May change an answer after its effect, for example lose it.
  void after(later_hook h);
  /// No token given out so far is taken any more.
  void expire_tokens();
  void without_bulk_delete();

  /// {name: bytes}, segments too; of large objects the joined bytes.
  std::map<std::string, std::string> objects() const;
  void write(const std::string& name, const std::string& body, const std::string& modified);
  bool is_large(const std::string& name) const;

  /// As Swift says it, with its transaction id.
  static answer error(int status, header_list more = {});

private:
  struct object {
    std::string body;
    header_list headers;
    std::string etag; ///< as in the header
    std::string modified = "2026-11-20T18:45:57.123450";
    bool is_large = false;
  };
  using query = std::map<std::string, std::string>;

  answer respond(const received_request& r);
  answer serve(const received_request& r);
  answer sign_in(const received_request& r);
  answer of_container(const received_request& r, const query& q) const;
  answer of_object(const received_request& r, const std::string& name, const query& q);
  answer put(const received_request& r, const std::string& name);
  answer put_manifest(const received_request& r, const std::string& name);
  answer get(const received_request& r, const std::string& name) const;
  answer remove(const std::string& lines);
  answer list(const query& q) const;

  mutable std::mutex mutex_;
  hook before_;
  later_hook after_;
  std::map<std::string, object> objects_;
  std::set<std::string> tokens_;
  unsigned next_ = 0;
  bool has_bulk_ = true;
  std::unique_ptr<scripted_peer> peer_;
};

} // namespace wale::test
