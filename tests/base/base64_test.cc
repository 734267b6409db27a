// RFC 4648, section 10.
#include <wale/base/base64.hpp>
#include <wale/base/digest.hpp>

#include <catch2/catch.hpp>

#include <utility>

using namespace wale;

TEST_CASE("base64 is that of RFC 4648") {
  for (const auto& [plain, encoded] :
       {std::pair{"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"}}) {
    CHECK(to_base64(std::string_view(plain)) == encoded);
    CHECK(from_base64(encoded) == std::string(plain));
  }
}

TEST_CASE("what is no base64 is refused") {
  CHECK_FALSE(from_base64("Zg="));
  CHECK_FALSE(from_base64("Z*=="));
}

TEST_CASE("MD5 is that of RFC 1321, appendix A.5") {
  // md5("abc") = 900150983cd24fb0d6963f7d28e17f72
  const auto sum = md5(std::string_view("abc"));
  CHECK(to_base64(sum) == "kAFQmDzST7DWlj99KOF/cg==");
}
