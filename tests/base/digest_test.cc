// Vectors: FIPS 180-4 examples, "SHA-256" (NIST), one block and two blocks.
#include <wale/base/digest.hpp>

#include <catch2/catch.hpp>

using namespace wale;

namespace {

std::string sha256_of(std::initializer_list<std::string_view> parts) {
  sha256 sum;
  for (std::string_view part : parts)
    sum.update(std::as_bytes(std::span(part)));
  return to_hex(sum.finish());
}

} // namespace

TEST_CASE("SHA-256 of the published examples") {
  CHECK(sha256_of({"abc"}) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(
      sha256_of({"abcdbcdecdefdefgefghfghighij", "hijkijkljklmklmnlmnomnopnopq"}) ==
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256_of({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("a digest survives its text form") {
  const std::string text = sha256_of({"abc"});
  const auto value = sha256_from_hex(text);
  REQUIRE(value);
  CHECK(to_hex(*value) == text);
}

TEST_CASE("what is no digest is refused") {
  const std::string text = sha256_of({"abc"});
  CHECK_FALSE(sha256_from_hex(text.substr(1)));
  CHECK_FALSE(sha256_from_hex(text + "0"));
  CHECK_FALSE(sha256_from_hex("BA" + text.substr(2)));
  CHECK_FALSE(sha256_from_hex("g" + text.substr(1)));
  CHECK_FALSE(sha256_from_hex(""));
}
