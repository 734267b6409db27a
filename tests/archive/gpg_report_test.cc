// What gpg 2.2.40 wrote on its standard error, and what is made of it.
#include "gpg_report.hpp"

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::archive;

namespace {

constexpr const char* decrypted = R"([GNUPG:] ENC_TO DA12102711470931 1 0
gpg: encrypted with 3072-bit RSA key, ID DA12102711470931, created 2026-11-21
      "Test <t@example.invalid>"
[GNUPG:] BEGIN_DECRYPTION
[GNUPG:] DECRYPTION_INFO 2 9 0
[GNUPG:] PLAINTEXT 62 1795224365 
[GNUPG:] DECRYPTION_OKAY
[GNUPG:] GOODMDC
[GNUPG:] END_DECRYPTION
)";

constexpr const char* manipulated = R"([GNUPG:] ENC_TO DA12102711470931 1 0
[GNUPG:] BEGIN_DECRYPTION
[GNUPG:] DECRYPTION_INFO 2 9 0
[GNUPG:] PLAINTEXT 62 1795224365 
gpg: WARNING: encrypted message has been manipulated!
[GNUPG:] BADMDC
[GNUPG:] DECRYPTION_FAILED
[GNUPG:] END_DECRYPTION
)";

constexpr const char* no_key = R"([GNUPG:] ENC_TO CD645B955C33D948 1 0
gpg: encrypted with RSA key, ID CD645B955C33D948
[GNUPG:] NO_SECKEY CD645B955C33D948
[GNUPG:] BEGIN_DECRYPTION
[GNUPG:] DECRYPTION_FAILED
gpg: decryption failed: No secret key
[GNUPG:] END_DECRYPTION
)";

constexpr const char* cut_for_two = R"([GNUPG:] ENC_TO DF3F5CC9E19401A2 18 0
[GNUPG:] ENC_TO F17CD26032E4E5F7 18 0
[GNUPG:] NO_SECKEY DF3F5CC9E19401A2
[GNUPG:] BEGIN_DECRYPTION
[GNUPG:] DECRYPTION_INFO 2 9 0
[GNUPG:] PLAINTEXT 62 1795341711 
[GNUPG:] BADMDC
[GNUPG:] DECRYPTION_FAILED
[GNUPG:] END_DECRYPTION
)";

constexpr const char* locked = R"([GNUPG:] ENC_TO CD645B955C33D948 1 0
gpg: public key decryption failed: No pinentry
[GNUPG:] ERROR pkdecrypt_failed 67108949
[GNUPG:] BEGIN_DECRYPTION
[GNUPG:] DECRYPTION_FAILED
gpg: decryption failed: No secret key
[GNUPG:] END_DECRYPTION
)";

constexpr const char* no_recipient = R"([GNUPG:] KEYEXPIRED 1795224372
gpg: Expired: skipped: No public key
[GNUPG:] INV_RECP 1 Expired
[GNUPG:] FAILURE encrypt 9
gpg: [stdin]: encryption failed: No public key
)";

std::string detail_for(std::string_view listing) {
  return encryption_failure(gpg_report::parse(no_recipient), "K", listing).text().detail;
}

kind why_not(const char* text, int exit_code = 2) {
  return decryption_failure(gpg_report::parse(text), exit_code, "file://x").why();
}

} // namespace

TEST_CASE("status lines and words are told apart") {
  const gpg_report r = gpg_report::parse(manipulated);
  CHECK(r.words == "gpg: WARNING: encrypted message has been manipulated!");
  CHECK(r.has("BADMDC"));
  CHECK(r.has("PLAINTEXT"));
  CHECK_FALSE(r.has("PLAIN"));
  CHECK_FALSE(r.has("GOODMDC"));
  CHECK(gpg_report::parse("").statuses.empty());
  CHECK(gpg_report::parse("[GNUPG:] NODATA 3").has("NODATA 3"));
}

TEST_CASE("control characters of a hostile user id do not reach the log") {
  CHECK(gpg_report::parse("gpg: \x1b[2J\x07 evil\r\n").words == "gpg: ?[2J? evil?");
}

TEST_CASE("a message counts as decrypted only if gpg says so") {
  CHECK(has_decrypted(gpg_report::parse(decrypted), 0));
  CHECK_FALSE(has_decrypted(gpg_report::parse(decrypted), 2));
  CHECK_FALSE(has_decrypted(gpg_report::parse(manipulated), 2));
  // gpg -d of a header that was cut off exits 0.
  CHECK_FALSE(has_decrypted(gpg_report::parse("[GNUPG:] NODATA 3\n"), 0));
}

TEST_CASE("why it was not decrypted") {
  CHECK(why_not(no_key) == kind::configuration);
  CHECK(why_not(locked) == kind::unavailable);
  CHECK(why_not(cut_for_two) == kind::corrupt);
  CHECK(why_not(manipulated) == kind::corrupt);
  CHECK(why_not("[GNUPG:] NODATA 3\n", 0) == kind::corrupt);
  CHECK(why_not("[GNUPG:] ENC_TO DA12102711470931 1 0\n", 0) == kind::corrupt);
  CHECK(why_not("gpg: Fatal: out of core\n") == kind::unavailable);
}

TEST_CASE("why it was not encrypted") {
  const failure f = encryption_failure(gpg_report::parse(no_recipient), "K", "");
  CHECK(f.why() == kind::configuration);
  CHECK(f.text().msg == "gpg cannot encrypt for the key \"K\"");
  CHECK_THAT(f.text().detail, Catch::Contains("not in the key ring"));
  // Made by gpg --with-colons --list-keys of such keys.
  CHECK_THAT(
      detail_for(
          "tru::1:1795224373:0:3:1:5\npub:e:3072:1:92A70DA56F90935F:1795224371:1795224372::u:"
          "::sc::::::23::0:\n"),
      Catch::Contains("Key 92A70DA56F90935F has expired."));
  CHECK_THAT(
      detail_for("pub:r:3072:1:A429707F71A659AE:1795224372:::u:::sc::::::23::0:\n"),
      Catch::Contains("is revoked."));
  CHECK_THAT(
      detail_for("pub:u:3072:1:643EC6BF97C96510:1795224372:::u:::scESCD::::::23::0:\n"),
      Catch::Contains("is disabled."));
  CHECK_THAT(
      detail_for("pub:u:2048:1:7E42D476F6656B4E:1795224371:::u:::scSC::::::23::0:\n"),
      Catch::Contains("cannot encrypt"));
  CHECK(encryption_failure(gpg_report::parse(""), "K", "").why() == kind::unavailable);
}
