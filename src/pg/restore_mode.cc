// Decides the mode of recovery from signal files and recovery.conf. In doubt it says targeted: a
// recovery that stops can be continued, a server promoted too early has lost data.

#include <wale/pg/restore_mode.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <strings.h>
#include <sys/stat.h>

namespace wale::pg {

namespace {

enum class presence { yes, no, unknown };

presence look(const std::string& path) {
  struct stat found;
  if (::stat(path.c_str(), &found) == 0) return presence::yes;
  return errno == ENOENT || errno == ENOTDIR ? presence::no : presence::unknown;
}

bool is_word_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}

void skip_blanks(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t\r\f\v"), line.size()));
}

/// A value as guc-file.l reads it: 'quoted', with '' and backslash escapes, or a bare word.
std::string take_value(std::string_view& line) {
  std::string value;
  if (line.empty() || line.front() != '\'') {
    while (!line.empty() &&
           (is_word_char(line.front()) ||
            std::string_view("-+._:/").find(line.front()) != std::string_view::npos)) {
      value += line.front();
      line.remove_prefix(1);
    }
    return value;
  }
  line.remove_prefix(1);
  while (!line.empty()) {
    const char c = line.front();
    line.remove_prefix(1);
    if (c == '\'' && (line.empty() || line.front() != '\'')) break;
    if ((c == '\'' || c == '\\') && !line.empty()) {
      value += line.front();
      line.remove_prefix(1);
    } else {
      value += c;
    }
  }
  return value;
}

/// `name = value` or `name value`; the value if the name is the one looked for.
std::optional<std::string> setting(std::string_view line, std::string_view wanted) {
  skip_blanks(line);
  const auto end = std::find_if_not(line.begin(), line.end(), is_word_char);
  if (std::string_view(line.begin(), end) != wanted) return std::nullopt;
  line.remove_prefix(wanted.size());
  skip_blanks(line);
  if (!line.empty() && line.front() == '=') {
    line.remove_prefix(1);
    skip_blanks(line);
  }
  return take_value(line);
}

/// parse_bool of src/backend/utils/adt/bool.c, its true half: true, yes, on, 1, in any case, and
/// unambiguous beginnings of them.
bool is_true(std::string_view value) {
  const auto begins = [&](std::string_view word, std::size_t least) {
    return value.size() >= least && value.size() <= word.size() &&
           ::strncasecmp(value.data(), word.data(), value.size()) == 0;
  };
  return begins("true", 1) || begins("yes", 1) || begins("on", 2) || value == "1";
}

} // namespace

std::string recovering_directory(std::string_view destination) {
  if (look("PG_VERSION") == presence::yes) return ".";
  const std::size_t slash = destination.rfind('/');
  std::filesystem::path directory = ".";
  if (slash != std::string_view::npos)
    directory = destination.substr(0, std::max<std::size_t>(slash, 1));
  std::string parent = (directory / "..").lexically_normal().string();
  while (parent.size() > 1 && parent.back() == '/')
    parent.pop_back();
  return parent;
}

restore_mode restore_mode_of(const std::string& data_directory) {
  const presence standby = look(data_directory + "/standby.signal");
  const presence recovery = look(data_directory + "/recovery.signal");
  if (standby == presence::yes) return restore_mode::standby;
  if (standby == presence::unknown || recovery != presence::no) return restore_mode::targeted;
  const std::string path = data_directory + "/recovery.conf";
  if (look(path) == presence::no) return restore_mode::neither;
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return is_standby_mode(text) ? restore_mode::standby : restore_mode::targeted;
}

bool is_standby_mode(std::string_view recovery_conf) {
  bool standby = false;
  while (!recovery_conf.empty()) {
    const std::string_view line = recovery_conf.substr(0, recovery_conf.find('\n'));
    recovery_conf.remove_prefix(std::min(line.size() + 1, recovery_conf.size()));
    if (const auto value = setting(line, "standby_mode"); value) standby = is_true(*value);
  }
  return standby;
}

} // namespace wale::pg
