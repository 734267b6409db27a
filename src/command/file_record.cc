// Seven lines of words, the last of them the sum of the others. No digest of OpenSSL's: a wal-push
// that only looks at a record would spend most of its time on setting that up.
#include "file_record.hpp"

#include "settings.hpp"

#include <wale/base/error.hpp>
#include <wale/io/fs.hpp>

#include <array>
#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

namespace wale::command {
namespace {

namespace fs = io::fs;

constexpr std::string_view heading = "wal-e ";

std::int64_t nanoseconds(const timespec& t) noexcept {
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

// One word, whatever it held.
std::string escaped(std::string_view text) {
  std::string word;
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code > ' ' && code != 0x7f && c != '%') {
      word += c;
      continue;
    }
    char hex[4];
    std::snprintf(hex, sizeof hex, "%%%02x", static_cast<unsigned>(code));
    word += hex;
  }
  return word;
}

// Takes what stands before `separator` off the front; nullopt without one.
std::optional<std::string_view> take(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end + 1);
  return part;
}

// The rest of a line that begins with this word.
std::optional<std::string_view> take_line(std::string_view& text, std::string_view word) {
  auto line = take(text, '\n');
  if (!line || !line->starts_with(word) || line->size() <= word.size()) return std::nullopt;
  if ((*line)[word.size()] != ' ') return std::nullopt;
  line->remove_prefix(word.size() + 1);
  return line;
}

template <class Number> bool read_number(std::string_view& words, Number& n) {
  const std::size_t blank = std::min(words.find(' '), words.size());
  const auto end = words.data() + blank;
  const auto [stopped, error] = std::from_chars(words.data(), end, n);
  words.remove_prefix(std::min(blank + 1, words.size()));
  return error == std::errc() && stopped == end;
}

bool read_identity(std::string_view words, file_identity& f) {
  return read_number(words, f.size) && read_number(words, f.device) &&
         read_number(words, f.inode) && read_number(words, f.mtime_ns) &&
         read_number(words, f.ctime_ns) && words.empty();
}

} // namespace

file_identity file_identity::of(const struct stat& s) noexcept {
  file_identity f;
  f.size = static_cast<std::uint64_t>(s.st_size);
  f.device = s.st_dev;
  f.inode = s.st_ino;
  f.mtime_ns = nanoseconds(s.st_mtim);
  f.ctime_ns = nanoseconds(s.st_ctim);
  return f;
}

std::optional<file_identity> file_identity::of(const std::string& path) noexcept {
  struct stat s {};
  if (::lstat(path.c_str(), &s) != 0 || !S_ISREG(s.st_mode)) return std::nullopt;
  return of(s);
}

std::string archive_identity(const option_values& global, const std::string& prefix_url) {
  std::string chosen;
  const auto add = [&chosen](const char* name, const std::string& value) {
    chosen += std::string(name) + "=" + value + "\n";
  };
  for (const char* option : {"aws-access-key-id", "gpg-key-id", "wabs-account-name"}) {
    const auto found = global.find(option);
    add(option, found == global.end() ? std::string() : found->second);
  }
  for (const char* variable :
       {"WALE_GPG_KEY_ID",
        "WALE_S3_ENDPOINT",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "WABS_ACCOUNT_NAME",
        "WALE_WABS_ENDPOINT",
        "WALE_GS_ENDPOINT",
        "STORAGE_EMULATOR_HOST",
        "SWIFT_AUTHURL",
        "SWIFT_TENANT",
        "SWIFT_TENANT_ID",
        "SWIFT_PROJECT_NAME",
        "SWIFT_PROJECT_ID",
        "SWIFT_APPLICATION_CREDENTIAL_ID",
        "SWIFT_APPLICATION_CREDENTIAL_NAME",
        "SWIFT_REGION",
        "SWIFT_USER"})
    add(variable, environment(variable));
  return escaped(prefix_url) + " " + short_sum(chosen);
}

// FNV-1a of 64 bits (Fowler, Noll, Vo): against accidents, not against forgers, who could as well
// remove the WAL.
std::string short_sum(std::string_view text) {
  std::uint64_t sum = 0xcbf29ce484222325;
  for (const char c : text)
    sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(sum));
  return digits;
}

std::string to_text(const file_record& r) {
  std::string text = std::string(heading) + r.purpose + " 1\n";
  text += "archive " + r.archive + "\n";
  text += "name " + r.name + "\n";
  text += "file " + std::to_string(r.file.size) + " " + std::to_string(r.file.device) + " " +
          std::to_string(r.file.inode) + " " + std::to_string(r.file.mtime_ns) + " " +
          std::to_string(r.file.ctime_ns) + "\n";
  text += "system " + std::to_string(r.system_identifier) + "\n";
  text += "sha256 " + to_hex(r.digest) + "\n";
  return text + "sum " + short_sum(text) + "\n";
}

std::optional<file_record> parse_file_record(std::string_view text) {
  const std::size_t last = text.rfind("sum ");
  if (last == std::string_view::npos) return std::nullopt;
  if (text.substr(last) != "sum " + short_sum(text.substr(0, last)) + "\n") return std::nullopt;

  file_record r;
  const auto first = take(text, '\n');
  if (!first || !first->starts_with(heading) || !first->ends_with(" 1")) return std::nullopt;
  r.purpose = first->substr(heading.size(), first->size() - heading.size() - 2);
  const auto archive = take_line(text, "archive");
  const auto name = take_line(text, "name");
  const auto file = take_line(text, "file");
  auto system = take_line(text, "system");
  const auto hex = take_line(text, "sha256");
  if (!archive || !name || !file || !system || !hex) return std::nullopt;
  const auto digest = sha256_from_hex(*hex);
  if (!digest || !read_identity(*file, r.file)) return std::nullopt;
  if (!read_number(*system, r.system_identifier) || !system->empty()) return std::nullopt;
  r.archive = *archive;
  r.name = *name;
  r.digest = *digest;
  return r;
}

std::optional<file_record> read_file_record(const std::string& path) noexcept {
  constexpr std::size_t limit = 16 * 1024;
  try {
    const auto text = fs::read_small(path, limit);
    return text ? parse_file_record(*text) : std::nullopt;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

bool write_file_record(const std::string& path, const file_record& r) noexcept {
  try {
    const std::string temporary = path + ".tmp" + std::to_string(::getpid());
    const std::string text = to_text(r);
    const int fd =
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const bool closed = ::close(fd) == 0;
    if (written && closed && ::rename(temporary.c_str(), path.c_str()) == 0) return true;
    ::unlink(temporary.c_str());
  } catch (const std::exception&) { // out of memory
  }
  return false;
}

} // namespace wale::command
