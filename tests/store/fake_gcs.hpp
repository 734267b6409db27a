#pragma once
// A small Google Cloud Storage in memory behind a scripted peer, one bucket named `bucket`. What it
// answers follows the Cloud Storage JSON API reference and "Perform resumable uploads".

#include "support/scripted_peer.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace wale::test {

class fake_gcs {
public:
  using hook = std::function<std::optional<answer>(const received_request&)>;
  using later_hook = std::function<void(const received_request&, answer&)>;

  struct object {
    std::string body; ///< never changes
    std::string type;
    std::map<std::string, std::string> metadata;
    std::uint64_t generation = 0;
    mutable std::optional<std::uint32_t> sum = {}; ///< computed once, if at all
  };

  explicit fake_gcs(peer_options o = {});

  scripted_peer& peer() { return *peer_; }
  std::string endpoint() const { return peer_->url(); }

  /// Asked first; what it answers has no effect on the objects.
  void before(hook h);
  /// May change an answer after its effect, for example lose it.
  void after(later_hook h);
  /// Of each chunk that does not end an upload, keeps so many bytes at most; a server may.
  void keep_at_most(std::size_t bytes);
  /// Tells this sum of all objects, instead of theirs.
  void lie_about_sums(std::string crc32c);

  std::map<std::string, object> objects() const;
  std::size_t sessions() const;

  static answer error(int status, const std::string& reason, const std::string& message = "no");

private:
  struct session {
    std::string key;
    bool create_only = false;
    std::string type;
    std::map<std::string, std::string> metadata;
    std::string body;
    bool finished = false;
  };
  using query = std::map<std::string, std::string>;

  answer respond(const received_request& r);
  answer serve(const received_request& r);
  answer upload(const received_request& r, const query& q);
  answer upload_whole(const received_request& r, const query& q);
  answer continue_upload(const received_request& r, session& s);
  answer store(const std::string& key, object o, bool create_only);
  answer of_object(const received_request& r, const std::string& key, const query& q);
  answer media(const received_request& r, const object& o) const;
  answer list(const query& q) const;
  answer resource(const object& o) const;
  std::string sum_of(const object& o) const;

  mutable std::mutex mutex_;
  hook before_;
  later_hook after_;
  std::size_t keeps_ = SIZE_MAX;
  std::optional<std::string> lie_;
  std::map<std::string, object> objects_;
  std::map<std::string, session> sessions_;
  std::uint64_t next_ = 1700000000000000;
  std::unique_ptr<scripted_peer> peer_;
};

} // namespace wale::test
