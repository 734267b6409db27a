#pragma once
// What gpg says on its standard error: words for people, and among them the lines of --status-fd
// (doc/DETAILS of GnuPG, "Format of the --status-fd output").

#include <wale/base/error.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace wale::archive {

struct gpg_report {
  std::vector<std::string> statuses; ///< without `[GNUPG:] `
  std::string words;                 ///< all other lines; no control characters but newlines

  /// Takes apart what gpg wrote, which may be cut off anywhere.
  static gpg_report parse(std::string_view text);
  /// Whether there is a status line that begins with these words.
  bool has(std::string_view keyword) const;
};

/// gpg has encrypted everything / decrypted a whole message with intact integrity protection. Its
/// exit code does not tell the latter: it is 0 if there was no message at all.
bool has_encrypted(const gpg_report& report, int exit_code);
bool has_decrypted(const gpg_report& report, int exit_code);

/// Why it has not. kind::corrupt does not name the object: whoever reads it does. `listing` is what
/// `gpg --with-colons --list-keys KEY` answers.
failure
encryption_failure(const gpg_report& report, const std::string& key_id, std::string_view listing);
failure decryption_failure(const gpg_report& report, int exit_code, const std::string& name);

/// gpg could not be run at all.
failure gpg_not_run(const failure& why);
/// gpg was ended because it neither read nor wrote.
failure gpg_stalled(const gpg_report& report);

} // namespace wale::archive
