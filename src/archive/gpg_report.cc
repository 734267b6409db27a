// gpg's own words go into DETAIL; MSG and HINT come from its status lines.
#include "gpg_report.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace wale::archive {

namespace {

constexpr std::string_view status_mark = "[GNUPG:] ";

std::string without_control(std::string_view line) {
  std::string text(line);
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

// Field `n`, counted from 1 as in doc/DETAILS.
std::string_view field(std::string_view line, std::size_t n) {
  for (; n > 1; --n) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return {};
    line.remove_prefix(colon + 1);
  }
  return line.substr(0, line.find(':'));
}

// The first key of a listing in gpg's colon format (doc/DETAILS, "Description of the fields"):
// field 2 is the validity, field 5 the key id, in field 12 capitals tell what the whole key can do.
std::string what_is_wrong(std::string_view listing) {
  const std::size_t at = listing.starts_with("pub:") ? 0 : listing.find("\npub:");
  if (at == std::string_view::npos)
    return "It is not in the key ring of the user that runs wal-e (GNUPGHOME, or ~/.gnupg).";
  std::string_view line = listing.substr(at == 0 ? 0 : at + 1);
  line = line.substr(0, line.find('\n'));
  const std::string id = without_control(field(line, 5));
  const std::string_view validity = field(line, 2);
  const std::string_view abilities = field(line, 12);
  if (validity == "e") return "Key " + id + " has expired.";
  if (validity == "r") return "Key " + id + " is revoked.";
  if (abilities.find('D') != std::string_view::npos) return "Key " + id + " is disabled.";
  if (abilities.find('E') == std::string_view::npos)
    return "Key " + id + " cannot encrypt: it has no valid subkey for that.";
  return {};
}

std::string joined(std::string first, const std::string& second) {
  if (!first.empty() && !second.empty()) first += "\n";
  return first + second;
}

} // namespace

gpg_report gpg_report::parse(std::string_view text) {
  gpg_report report;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with(status_mark))
      report.statuses.emplace_back(line.substr(status_mark.size()));
    else if (!line.empty())
      report.words = joined(std::move(report.words), without_control(line));
  }
  return report;
}

bool gpg_report::has(std::string_view keyword) const {
  return std::ranges::any_of(statuses, [keyword](const std::string& s) {
    if (!s.starts_with(keyword)) return false;
    const std::string_view rest = std::string_view(s).substr(keyword.size());
    return rest.empty() || rest.front() == ' ' || rest.front() == '.';
  });
}

bool has_encrypted(const gpg_report& report, int exit_code) {
  return exit_code == 0 && report.has("END_ENCRYPTION");
}

bool has_decrypted(const gpg_report& report, int exit_code) {
  return exit_code == 0 && report.has("DECRYPTION_OKAY");
}

failure
encryption_failure(const gpg_report& report, const std::string& key_id, std::string_view listing) {
  if (!report.has("INV_RECP") && !report.has("FAILURE encrypt"))
    return failure(
        kind::unavailable,
        "gpg did not encrypt",
        report.words.empty() ? "It ended without a word." : report.words,
        "Does \"gpg --encrypt --recipient '" + key_id + "'\" work for the user that runs wal-e?");
  return failure(
      kind::configuration,
      "gpg cannot encrypt for the key \"" + key_id + "\"",
      joined(what_is_wrong(listing), report.words),
      "Nothing is stored without encryption while a key id is set. Import or renew the public key "
      "for the user that runs wal-e, or correct --gpg-key-id or WALE_GPG_KEY_ID. \"gpg --list-keys "
      "'" +
          key_id + "'\" shows what that user has.");
}

failure decryption_failure(const gpg_report& report, int exit_code, const std::string& name) {
  const std::string detail = joined(name, report.words);
  // What is said about the keys of other recipients does not matter then.
  const bool has_session_key = report.has("DECRYPTION_INFO");
  if (!has_session_key && report.has("NO_SECKEY"))
    return failure(
        kind::configuration,
        "an encrypted object cannot be read here: its secret key is missing",
        detail,
        "Import the secret key for the user that runs wal-e (gpg --import, GNUPGHOME), or do this "
        "on a host that has it. \"gpg --list-secret-keys\" shows what that user has.");
  if (!has_session_key && report.has("ERROR pkdecrypt_failed"))
    return failure(
        kind::unavailable,
        "an encrypted object cannot be read: gpg's agent does not give the secret key",
        detail,
        "wal-e never asks for a passphrase. Give it to the agent of the user that runs wal-e "
        "beforehand (gpg-preset-passphrase), or use a key without one.");
  const bool is_damaged = std::ranges::any_of(
      std::array{"DECRYPTION_FAILED", "NODATA", "UNEXPECTED", "ERROR proc_pkt", "DECRYPTION_OKAY"},
      [&report](const char* keyword) { return report.has(keyword); });
  if (is_damaged || exit_code == 0)
    return failure(kind::corrupt, "an encrypted object is damaged", report.words);
  return failure(
      kind::unavailable,
      "gpg did not decrypt",
      detail,
      "Does \"gpg --decrypt\" work for the user that runs wal-e?");
}

failure gpg_not_run(const failure& why) {
  const bool is_absent = why.error_number() == ENOENT;
  return failure(
      is_absent ? kind::configuration : why.why(),
      is_absent ? "gpg is not installed" : "gpg could not be run",
      why.text().detail,
      "Install GnuPG 2.1 or newer where the PATH of the user that runs wal-e has it.");
}

failure gpg_stalled(const gpg_report& report) {
  return failure(
      kind::unavailable,
      "gpg does not answer",
      joined("It neither read nor wrote for 10 seconds, and was ended.", report.words),
      "Does the gpg-agent of the user that runs wal-e answer? \"gpgconf --kill gpg-agent\" ends "
      "it; the next gpg starts another.");
}

} // namespace wale::archive
