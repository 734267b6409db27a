// The digest of what is sent, computed beside what makes it: for the driver that signs it.
#include "store/store_bench.hpp"

#include <wale/base/digest.hpp>
#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <optional>
#include <span>

using namespace wale;
using test::store_bench;

namespace {

constexpr std::size_t parts_staging = 2 * test::part_bytes / io::block::payload;
constexpr std::size_t whole_staging = parts_staging + 12;
constexpr std::size_t most = whole_staging * io::block::payload;

sha256_value digest_of(const std::string& bytes) {
  sha256 digest;
  digest.update(std::as_bytes(std::span(bytes)));
  return digest.finish();
}

struct putting {
  std::size_t size = 0;
  std::size_t staging = whole_staging;
  std::optional<std::size_t> fail_after = {};

  void operator()(const store_bench& b) const {
    io::runtime rt;
    const auto s = b.open(rt);
    auto put = [&]() -> task<> {
      store::put_request request;
      request.key = test::key_of("k");
      request.staging = co_await rt.blocks().reserve(staging);
      io::block_budget budget = co_await rt.blocks().reserve(2);
      const auto body =
          test::make_source(std::move(budget), test::noise(size), 100'003, fail_after);
      co_await s->put(std::move(request), *body);
    };
    rt.run(put());
  }
};

std::optional<sha256_value> stored_with(const store_bench& b) {
  return b.server->objects.at("prefix/k")->description.payload_digest;
}

} // namespace

TEST_CASE("what a driver signs is known when the last byte has come") {
  for (const std::size_t size :
       {std::size_t{0},
        std::size_t{1},
        io::block::payload - 1,
        io::block::payload,
        io::block::payload + 1,
        std::size_t{5'000'001},
        most}) {
    INFO(size << " bytes");
    const store_bench b;
    b.server->traits.signs_payload = true;
    putting{size}(b);
    CHECK(stored_with(b) == digest_of(test::noise(size)));
  }
}

TEST_CASE("nobody computes what nobody signs, or what goes up in parts") {
  const store_bench b;
  putting{1000}(b);
  CHECK_FALSE(stored_with(b));
  b.server->traits.signs_payload = true;
  putting{1000, parts_staging}(b);
  CHECK_FALSE(stored_with(b));
  putting{most + 1}(b);
  CHECK(b.server->count("begin") == 1);
  CHECK_FALSE(stored_with(b));
  CHECK((b.server->objects.at("prefix/k")->bytes == test::noise(most + 1)));
}

TEST_CASE("a body that fails is let go when nobody reads it any more") {
  const store_bench b;
  b.server->traits.signs_payload = true;
  CHECK_THROWS_AS((putting{most, whole_staging, most / 2}(b)), failure);
  CHECK(b.server->objects.empty());
}
