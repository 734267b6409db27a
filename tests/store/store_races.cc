// Two writers of one name, over and over.
#include "store/conformance.hpp"

#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <algorithm>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace wale::test {
namespace {

using outcome = store::put_result::outcome;

task<> prepare_task(store::store& s) {
  co_await s.prepare();
}

// In a child process: exits with 10 if it stored the content, 20 if another had.
[[noreturn]] void contend(
    const store_fixture& fixture, const std::string& key, const std::string& content, int gate) {
  int code = 30;
  try {
    io::runtime rt;
    const auto s = fixture.open(rt);
    char go = 0;
    while (::read(gate, &go, 1) > 0) {
    }
    const auto result = put(rt, *s, key, content, store::put_condition::create_only);
    code = result.what == outcome::stored ? 10 : 20;
  } catch (...) {
    code = 40;
  }
  ::_exit(code);
}

std::array<outcome, 2> race_of_processes(
    const store_fixture& fixture,
    const std::string& key,
    const std::array<std::string, 2>& contents) {
  int gate[2];
  REQUIRE(::pipe(gate) == 0);
  std::array<pid_t, 2> children{};
  for (std::size_t i = 0; i < 2; ++i) {
    children[i] = ::fork();
    if (children[i] != 0) continue;
    ::close(gate[1]);
    contend(fixture, key, contents[i], gate[0]);
  }
  ::close(gate[0]);
  ::close(gate[1]);
  std::array<outcome, 2> results{};
  for (std::size_t i = 0; i < 2; ++i) {
    int status = 0;
    ::waitpid(children[i], &status, 0);
    REQUIRE(WIFEXITED(status));
    REQUIRE((WEXITSTATUS(status) == 10 || WEXITSTATUS(status) == 20));
    results[i] = WEXITSTATUS(status) == 10 ? outcome::stored : outcome::exists;
  }
  return results;
}

// A fork takes ten times as long with the sanitizers' memory, and a race of processes shows them
// nothing.
#ifdef __SANITIZE_ADDRESS__
constexpr int most_races = 100;
#else
constexpr int most_races = 1000;
#endif

task<>
put_one(io::runtime& rt, store::store& s, std::string key, std::string content, outcome& what) {
  io::block_budget budget = co_await rt.blocks().reserve(1);
  const auto body = make_source(std::move(budget), std::move(content));
  store::put_request request;
  request.key = key_of(key);
  request.condition = store::put_condition::create_only;
  const store::put_result result = co_await s.put(std::move(request), *body);
  what = result.what;
}

task<> put_two(
    io::runtime& rt,
    const std::array<std::unique_ptr<store::store>, 2>& stores,
    std::string key,
    const std::array<std::string, 2>& contents,
    std::array<outcome, 2>& results) {
  io::task_group group(rt.context().get_executor());
  for (std::size_t i = 0; i < 2; ++i)
    group.spawn(put_one(rt, *stores[i], key, contents[i], results[i]));
  co_await group.join();
}

} // namespace

race_function race_in_one_loop(std::function<std::unique_ptr<store::store>(io::runtime&)> open) {
  return [open](const std::string& key, const std::array<std::string, 2>& contents) {
    io::runtime rt;
    const std::array<std::unique_ptr<store::store>, 2> stores{open(rt), open(rt)};
    std::array<outcome, 2> results{};
    rt.run(put_two(rt, stores, key, contents, results));
    return results;
  };
}

void check_race(const store_fixture& fixture) {
  const std::array<std::string, 2> contents{noise(70'000), noise(70'001)};
  {
    io::runtime rt;
    const auto s = fixture.open(rt);
    rt.run(prepare_task(*s));
  }
  for (int round = 0; round < std::min(fixture.race_rounds, most_races); ++round) {
    const std::string key = "wal_005/race" + std::to_string(round);
    const std::array<outcome, 2> results =
        fixture.race ? fixture.race(key, contents) : race_of_processes(fixture, key, contents);
    REQUIRE(results[0] != results[1]);
    io::runtime rt;
    const auto s = fixture.open(rt);
    REQUIRE(get(rt, *s, key) == contents[results[0] == outcome::stored ? 0 : 1]);
  }
}

} // namespace wale::test
