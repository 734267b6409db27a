#pragma once
// The contract of an object store: put, get, head, list, remove, by keys relative to a prefix.
//
// Every implementation passes one conformance suite (tests/store). What all of them promise:
// - An object is visible under its key either whole or not at all, and once put() has returned, its
//   bytes are as durable as the store can make them.
// - A store over a network repeats what may pass, as long as its settings allow (open.hpp), and
//   takes downloads up where they broke off: who calls it does not repeat.
// - "Absent" is an answer about exactly this key. A missing container, directory or mount, a
//   refusal or an unreadable reply is a failure (kind::unavailable or kind::configuration), never
//   absence.
// - Cancelling any call leaves either the old state or, of a put, possibly the new object.

#include <wale/base/digest.hpp>
#include <wale/io/block.hpp>
#include <wale/io/stream.hpp>
#include <wale/io/task.hpp>

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace wale::store {

/// A key below the store's prefix, for example `wal_005/000000010000000000000001.lzo`.
struct object_key {
  std::string name;
  auto operator<=>(const object_key&) const = default;
};

struct object_info {
  object_key key;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0; ///< since the epoch, for ordering
  std::string last_modified;    ///< as WAL-E prints it for this kind of store
};

struct object_attributes {
  std::uint64_t size = 0;
  std::optional<sha256_value> plain_digest; ///< as given to put(); absent on objects of WAL-E
};

enum class put_condition {
  none,        ///< replaces what is there
  create_only, ///< an existing object of this key stays as it is
};

struct put_request {
  object_key key;
  put_condition condition = put_condition::none;
  std::string content_type = "application/octet-stream";
  /// Asked once; empty or nullopt stores no digest. After the body has ended, but see
  /// store::gathers_parts().
  std::function<std::optional<sha256_value>()> plain_digest = {};
  /// Awaited once after the body has ended, unless empty: the object does not appear before it has
  /// returned. What it throws ends the put.
  std::function<task<>()> admission = {};
  /// Blocks that the store may gather bytes in: none, or at least staging_blocks(). An object that
  /// fits into them goes up in one request. Without them a store that needs some reserves them
  /// from the pool, so give them where the caller holds blocks of it.
  io::block_budget staging = {};
};

struct put_result {
  enum class outcome { stored, exists } what = outcome::stored;
  std::uint64_t bytes = 0; ///< of the body, also when the object existed
};

class store {
public:
  virtual ~store() = default;

  /// `scheme://host/prefix/key`, as it appears in log records.
  virtual std::string url(const object_key& key) const = 0;
  /// The prefix as WAL-E logs it: no leading slash, one trailing slash unless empty.
  virtual std::string prefix() const = 0;
  /// Last component of WAL-E's logger names: `file`, `s3`, `wabs`, `swift`, `gs`.
  virtual std::string kind_name() const = 0;

  /// What one put() of a large object wants as put_request::staging.
  virtual std::size_t staging_blocks() const = 0;
  /// True if put() gathers the body in its staging, and sends it in parts where it does not fit; of
  /// those plain_digest is asked before the body is read.
  virtual bool gathers_parts() const = 0;

  /// Makes what the first put needs and what is ours to make, and sweeps what crashes left behind.
  /// Harmless to repeat.
  virtual task<> prepare() = 0;

  /// Only the sweeping: of what no listing shows and no key removes, and only where it is old
  /// enough that nobody is at it any more. Never fails: what cannot be looked at stays.
  virtual task<> sweep() = 0;

  /// Reads `body` to its end and stores it. The caller closes the body.
  virtual task<put_result> put(put_request request, io::source& body) = 0;

  /// The object's bytes, or nullptr if it is proven absent. The source keeps `budget` and reads
  /// ahead within it. The object read is one object, also if the key is replaced meanwhile.
  virtual task<std::unique_ptr<io::source>> get(object_key key, io::block_budget budget) = 0;

  /// nullopt if proven absent.
  virtual task<std::optional<object_attributes>> head(object_key key) = 0;

  /// All objects whose key starts with `key_prefix`, in ascending order of key, without temporary
  /// ones. None if there are none.
  virtual task<std::vector<object_info>> list(std::string key_prefix) = 0;

  /// Removes these objects in this order as far as the store has an order. An absent one counts as
  /// removed. Throws after having tried all, naming the first that could not be removed; at once if
  /// there is no answer.
  virtual task<> remove(std::vector<object_key> keys) = 0;
};

} // namespace wale::store
