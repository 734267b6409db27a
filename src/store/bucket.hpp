#pragma once
// The requests that every object store's protocol has, one attempt at each. A driver (s3, azure,
// swift, gcs) implements them; `retrying` repeats them; `object_store` makes the store contract of
// them: parts, resumed downloads, paging, batches.
//
// Keys are whole names in the bucket, prefix included.

#include <wale/base/digest.hpp>
#include <wale/base/error.hpp>
#include <wale/http/message.hpp>
#include <wale/io/block.hpp>
#include <wale/io/stream.hpp>
#include <wale/io/task.hpp>
#include <wale/store/store.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace wale::store {

/// How a request failed, for whoever decides about repeating it. Failures that are none of these
/// are final, but for those of kind::unavailable that are no request_failure: they come from the
/// network, and are repeated later.
class request_failure : public failure {
public:
  enum class repeat {
    never,   ///< a repetition would be answered alike
    later,   ///< after a pause, at least `pause`
    at_once, ///< the driver has mended its side (clock, credentials, region): once more, now
  };
  request_failure(failure f, repeat r, std::string code = {}, std::chrono::milliseconds pause = {})
      : failure(std::move(f)), repeat_(r), code_(std::move(code)), pause_(pause) {}

  repeat when() const noexcept { return repeat_; }
  /// The store's own word for it, for example `NoSuchUpload`; empty if it had none.
  const std::string& code() const noexcept { return code_; }
  std::chrono::milliseconds pause() const noexcept { return pause_; }

private:
  repeat repeat_;
  std::string code_;
  std::chrono::milliseconds pause_;
};

/// What is stored beside the bytes.
struct object_description {
  std::string content_type;
  std::optional<sha256_value> plain_digest = {}; ///< metadata `wale-sha256`
  /// Metadata `wale-upload`: tells our object from another writer's when the answer to its upload
  /// was lost. Unique for each put().
  std::string token;
  /// SHA-256 of the body itself, where it is known already; see bucket_traits::signs_payload.
  std::optional<sha256_value> payload_digest = {};
};

struct object_facts {
  std::uint64_t size = 0;
  std::optional<sha256_value> plain_digest = {};
  std::string token = {}; ///< empty on objects of others
  std::string etag = {};  ///< as the store writes it
  /// CRC-32C of all its bytes, where the store tells it: who reads the object compares.
  std::optional<std::uint32_t> crc32c = {};
};

/// An upload in parts that has begun.
struct upload {
  std::string key;
  std::string id;
  object_description description;
  put_condition condition = put_condition::none;
};

/// What the store said about a part, wanted again by complete().
struct uploaded_part {
  std::uint32_t number = 0; ///< from 1
  std::uint64_t size = 0;
  std::string tag = {};
  std::string checksum = {};
};

struct unfinished_upload {
  std::string key;
  std::string id;
  std::int64_t begun_ns = 0; ///< since the epoch
};

struct opened_object {
  object_facts facts = {}; ///< of the whole object
  std::unique_ptr<io::source> body;
};

struct list_page {
  std::vector<object_info> objects; ///< keys are whole names; ascending
  bool more = false;
};

struct failed_removal {
  std::string key;
  std::string code;
  std::string message;
};

/// What a driver can and cannot do; constant.
struct bucket_traits {
  std::string kind_name;               ///< as store::kind_name()
  std::string url_root;                ///< `s3://bucket/`
  std::string server = {};             ///< for messages: `https://host:port`
  std::size_t removals_at_once = 1000; ///< keys in one remove() request
  std::size_t parts_at_once = 2;       ///< 1 if parts must go up one after the other
  std::uint32_t most_parts = 10'000;
  /// put() wants object_description::payload_digest, and computes it where it is not given.
  bool signs_payload = false;
};

/// Each call is one attempt. It throws request_failure, or from the network kind::unavailable;
/// final failures are of other kinds. Cancelled, it throws kind::interrupted, and what asks the
/// server to change something may have been done there.
class bucket {
public:
  virtual ~bucket() = default;
  virtual const bucket_traits& traits() const = 0;

  /// Something cheap that can be done while the first body is still being made (TLS context,
  /// credentials). Its failure is nobody's: the first request meets it again.
  virtual task<> warm_up() = 0;

  /// Stores one object in one request. `body` stays as it is until the call has returned.
  virtual task<put_result::outcome>
  put(std::string key,
      object_description description,
      http::body_pieces body,
      put_condition condition) = 0;

  /// Begins an upload in parts. Nothing is visible under the key before complete().
  virtual task<upload>
  begin(std::string key, object_description description, put_condition condition) = 0;
  /// The same number once more replaces what was sent before. `body` as for put().
  virtual task<uploaded_part>
  put_part(const upload& to, std::uint32_t number, http::body_pieces body) = 0;
  /// Parts in ascending order. `exists` if the condition forbade it: the upload is then to be
  /// aborted. An upload that is not there (any more) is a request_failure with the code
  /// `NoSuchUpload`.
  virtual task<put_result::outcome>
  complete(const upload& what, const std::vector<uploaded_part>& parts) = 0;
  /// An upload that is gone is aborted already.
  virtual task<> abort(const upload& what) = 0;
  /// Uploads that have begun under a key prefix and neither completed nor aborted.
  virtual task<std::vector<unfinished_upload>> unfinished(std::string key_prefix) = 0;

  /// nullopt if proven absent.
  virtual task<std::optional<object_facts>> head(std::string key) = 0;

  /// The bytes from `offset` on; nullopt if proven absent. If `etag` is not empty, only of the
  /// object that has it: another one is a failure of kind::corrupt. `budget` outlives the body.
  virtual task<std::optional<opened_object>>
  get(std::string key, std::uint64_t offset, std::string etag, io::block_budget& budget) = 0;

  /// Objects whose names begin with `key_prefix` and come after `after`.
  virtual task<list_page> list(std::string key_prefix, std::string after) = 0;

  /// At most `removals_at_once` keys, no order promised; absent ones count as removed.
  virtual task<std::vector<failed_removal>> remove(std::vector<std::string> keys) = 0;

  /// The last call; nothing may be under way.
  virtual task<> close() = 0;
};

} // namespace wale::store
