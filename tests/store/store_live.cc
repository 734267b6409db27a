// The conformance suite on a real server, which tests/e2e/test_store_conformance.py starts. The
// environment has what wal-e itself needs to reach it, and
//   WALE_TEST_STORE       the prefix, below which each run takes one of its own
//   WALE_TEST_MISSING     the same on a bucket or container that does not exist
//   WALE_TEST_PART_BYTES  how much of an object goes up in one part
//   WALE_TEST_RACES       how often two writers race for a name, if not a thousand times
//   WALE_TEST_NOT_ATOMIC  set where the server has no conditional writes
// A program of its own, because it needs that server.
#include "conformance.hpp"

#include <wale/store/open.hpp>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <optional>
#include <random>
#include <string>

using namespace wale;
using namespace wale::test;

namespace {

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (!value) return std::nullopt;
  return std::string(value);
}

std::unique_ptr<store::store> open_at(io::runtime& rt, const std::string& prefix) {
  store::settings how;
  how.variable = variable;
  return store::open_store(rt, prefix, how);
}

} // namespace

TEST_CASE("a real server keeps the contract") {
  const std::string prefix =
      variable("WALE_TEST_STORE").value() + "/" + std::to_string(std::random_device()());
  const std::string missing = variable("WALE_TEST_MISSING").value();
  store_fixture fixture;
  fixture.open = [&](io::runtime& rt) { return open_at(rt, prefix); };
  fixture.open_missing = [&](io::runtime& rt) { return open_at(rt, missing); };
  fixture.part_bytes = std::stoul(variable("WALE_TEST_PART_BYTES").value());
  if (const auto races = variable("WALE_TEST_RACES")) fixture.race_rounds = std::stoi(*races);
  const std::string reason = "a real server does not do it on command";
  fixture.not_applicable = {
      {"lose_next_answer", reason}, {"expire_token", reason}, {"cut_next_body", reason}};
  if (variable("WALE_TEST_NOT_ATOMIC")) {
    // The server has no conditional writes: of two writers at the same moment both may win.
    fixture.race_rounds = 20;
    fixture.race = [&](const std::string& key, const std::array<std::string, 2>& contents) {
      io::runtime rt;
      const auto s = fixture.open(rt);
      std::array<store::put_result::outcome, 2> outcomes{};
      for (std::size_t i = 0; i < 2; ++i)
        outcomes[i] = put(rt, *s, key, contents[i], store::put_condition::create_only).what;
      return outcomes;
    };
  }
  check_conformance(fixture);
}
