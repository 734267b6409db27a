#pragma once
// One suite for every store: what store.hpp promises, shown on a real one.

#include <wale/base/error.hpp>
#include <wale/io/runtime.hpp>
#include <wale/store/store.hpp>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace wale::test {

using race_function = std::function<std::array<store::put_result::outcome, 2>(
    const std::string& key, const std::array<std::string, 2>& contents)>;

/// A store to examine. What it cannot offer is left empty and has a reason in `not_applicable`,
/// under the member's name.
struct store_fixture {
  /// Each call gives the same, initially empty prefix.
  std::function<std::unique_ptr<store::store>(io::runtime&)> open;
  /// The same with a container (directory, bucket) that is not there.
  std::function<std::unique_ptr<store::store>(io::runtime&)> open_missing;

  /// Two writers put different content under one name at the same moment, both create-only. Empty:
  /// two processes do, each with a store of its own.
  race_function race = {};
  int race_rounds = 1000;

  /// Bytes of a part, where large objects are stored in parts.
  std::optional<std::size_t> part_bytes = {};
  /// The next answer that an object is stored gets lost: the one to a put in one request, or the
  /// one to the completion of one in parts.
  std::function<void()> lose_next_answer = {};
  /// The credentials are not accepted any more, until new ones are fetched.
  std::function<void()> expire_token = {};
  /// The next object that is fetched breaks off after so many bytes.
  std::function<void(std::size_t)> cut_next_body = {};

  std::map<std::string, std::string> not_applicable = {};
};

/// Runs all of it, as sections of the running test case.
void check_conformance(const store_fixture& fixture);
/// The part of it in which two writers race for one name.
void check_race(const store_fixture& fixture);
/// Both writers in one loop, each with a store of its own. For servers that are threads of this
/// process: a fork would not have them, but the locks that they held at that moment.
race_function race_in_one_loop(std::function<std::unique_ptr<store::store>(io::runtime&)> open);

/// A source of `content`, in blocks of at most `piece` bytes; fails after `fail_after` bytes.
/// `half_way` is called when half of them have been read.
std::unique_ptr<io::source> make_source(
    io::block_budget budget,
    std::string content,
    std::size_t piece = io::block::payload,
    std::optional<std::size_t> fail_after = {},
    std::function<void()> half_way = {});

store::object_key key_of(const std::string& name);
/// That many bytes that do not repeat.
std::string noise(std::size_t size);
/// What `action` fails with; nullopt if it does not.
std::optional<kind> kind_of_failure(const std::function<void()>& action);

/// Puts and gets whole objects, for tests. The staging is what the store wants if `staged`.
store::put_result
put(io::runtime& rt,
    store::store& s,
    const std::string& key,
    const std::string& content,
    store::put_condition condition = store::put_condition::none,
    std::optional<sha256_value> digest = {});
store::put_result put_from(
    io::runtime& rt,
    store::store& s,
    const std::string& key,
    io::source& body,
    store::put_condition condition = store::put_condition::none,
    bool staged = true);
/// The same in blocks that are partly filled, as a codec's.
void put_staged(io::runtime& rt, store::store& s, const std::string& key, std::string content);
std::optional<std::string> get(io::runtime& rt, store::store& s, const std::string& key);
/// The same; calls `between` after the first block.
std::optional<std::string> get_in_two(
    io::runtime& rt, store::store& s, const std::string& key, std::function<task<>()> between);
std::vector<std::string> list(io::runtime& rt, store::store& s, const std::string& prefix);
std::vector<store::object_info>
list_objects(io::runtime& rt, store::store& s, const std::string& prefix);
std::optional<store::object_attributes>
head(io::runtime& rt, store::store& s, const std::string& key);
void remove(io::runtime& rt, store::store& s, const std::vector<std::string>& keys);

} // namespace wale::test
