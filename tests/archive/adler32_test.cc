// Adler-32 against published values and its definition.
#include "lzop_program.hpp"

#include <wale/archive/adler32.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace wale::archive;
using wale::archive::test::bytes_of;

namespace {

/// RFC 1950 section 8.2, word for word.
std::uint32_t by_definition(const std::string& bytes) {
  std::uint32_t s1 = 1, s2 = 0;
  for (unsigned char c : bytes) {
    s1 = (s1 + c) % 65521;
    s2 = (s2 + s1) % 65521;
  }
  return s2 << 16 | s1;
}

} // namespace

TEST_CASE("adler32 of known strings", "[unit]") {
  CHECK(adler32({}) == 1);
  // The worked example of the article "Adler-32" of Wikipedia.
  const std::string wikipedia = "Wikipedia";
  CHECK(adler32(bytes_of(wikipedia)) == 0x11E60398);
}

TEST_CASE("adler32 is its definition at every length and continues", "[unit]") {
  const std::string sample = test::noise(20000);
  for (std::size_t size = 0; size < 600; ++size) {
    const std::string part = sample.substr(size, size);
    REQUIRE(adler32(bytes_of(part)) == by_definition(part));
  }
  const std::string high(300000, '\xff');
  CHECK(adler32(bytes_of(high)) == by_definition(high));
  for (std::size_t cut : {0, 1, 15, 16, 17, 5551, 5552, 5553, 19999, 20000}) {
    const auto head = adler32(bytes_of(sample).first(cut));
    CHECK(adler32(bytes_of(sample).subspan(cut), head) == by_definition(sample));
  }
}
