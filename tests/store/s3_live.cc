// The conformance suite on a real S3 server, which tests/e2e/test_s3_conformance.py starts and
// names in the environment, as for wal-e itself: WALE_S3_PREFIX, WALE_S3_ENDPOINT, AWS_*. A program
// of its own, because it needs that server.
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

TEST_CASE("a real S3 server keeps the contract") {
  const std::string root = variable("WALE_S3_PREFIX").value();
  const std::string prefix = root + "/" + std::to_string(std::random_device()());
  store_fixture fixture;
  fixture.open = [&](io::runtime& rt) { return open_at(rt, prefix); };
  fixture.open_missing = [&](io::runtime& rt) {
    return open_at(rt, "s3://no-such-bucket-of-wal-e/p");
  };
  fixture.part_bytes = 6 * 1024 * 1024;
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
