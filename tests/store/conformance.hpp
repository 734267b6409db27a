#pragma once
// One suite for every store: what store.hpp promises, shown on a real one.

#include <wale/io/runtime.hpp>
#include <wale/store/store.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace wale::test {

/// A store to examine. Each call of `open` gives the same, initially empty prefix.
struct store_fixture {
  std::function<std::unique_ptr<store::store>(io::runtime&)> open;
  /// The same with a container (directory, bucket) that is not there.
  std::function<std::unique_ptr<store::store>(io::runtime&)> open_missing;
};

/// Runs all of it, as sections of the running test case.
void check_conformance(const store_fixture& fixture);

/// A source of `content`, in blocks of at most `piece` bytes; fails after `fail_after` bytes.
std::unique_ptr<io::source> make_source(
    io::block_budget budget,
    std::string content,
    std::size_t piece = io::block::payload,
    std::optional<std::size_t> fail_after = {});

/// Puts and gets whole objects, for tests.
store::put_result
put(io::runtime& rt,
    store::store& s,
    const std::string& key,
    const std::string& content,
    store::put_condition condition = store::put_condition::none,
    std::optional<sha256_value> digest = {});
std::optional<std::string> get(io::runtime& rt, store::store& s, const std::string& key);
std::vector<std::string> list(io::runtime& rt, store::store& s, const std::string& prefix);

} // namespace wale::test
