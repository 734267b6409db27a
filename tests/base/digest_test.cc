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

// RFC 4231, section 4: cases 1, 2, 6 and 7.
TEST_CASE("HMAC-SHA256 of the published examples") {
  const auto mac = [](std::string_view key, std::string_view text) {
    return to_hex(hmac_sha256(key, text));
  };
  CHECK(
      mac(std::string(20, '\x0b'), "Hi There") ==
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(
      mac("Jefe", "what do ya want for nothing?") ==
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const std::string larger_than_a_block(131, '\xaa');
  CHECK(
      mac(larger_than_a_block, "Test Using Larger Than Block-Size Key - Hash Key First") ==
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  CHECK(
      mac(larger_than_a_block,
          "This is a test using a larger than block-size key and a larger than block-size data. "
          "The key needs to be hashed before being used by the HMAC algorithm.") ==
      "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
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
