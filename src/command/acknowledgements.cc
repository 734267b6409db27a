// pg_wal/.wal-e/ack-SEGMENT-ARCHIVE, a file_record each. Two prefixes in one archive_command share
// the directory, hence the archive in the name.
#include "acknowledgements.hpp"

#include <wale/base/error.hpp>
#include <wale/io/fs.hpp>
#include <wale/pg/wal_name.hpp>

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace wale::command {
namespace {

namespace fs = io::fs;

constexpr std::string_view purpose = "acknowledgement";
constexpr std::string_view name_prefix = "ack-";
constexpr std::string_view ready_suffix = ".ready";
constexpr std::size_t segment_digits = 24;

// The segment that a file of ours is about; empty for other files.
std::string segment_of(const std::string& file_name) {
  if (!file_name.starts_with(name_prefix)) return {};
  return file_name.substr(name_prefix.size(), segment_digits);
}

} // namespace

acknowledgements::acknowledgements(std::string wal_directory, std::string archive)
    : wal_directory_(std::move(wal_directory)), directory_(wal_directory_ + "/.wal-e"),
      archive_(std::move(archive)) {}

std::string acknowledgements::record_path(const std::string& name) const {
  return directory_ + "/" + std::string(name_prefix) + name + "-" + short_sum(archive_);
}

bool acknowledgements::cover(const std::string& name) const {
  const auto record = read_file_record(record_path(name));
  if (!record) return false;
  const auto file = file_identity::of(wal_directory_ + "/" + name);
  return file && record->purpose == purpose && record->archive == archive_ &&
         record->name == name && record->file == *file;
}

bool acknowledgements::can_be_kept() const {
  try {
    fs::make_directory(directory_, 0700);
  } catch (const failure&) {
    return false;
  }
  // A full disk lets names be made, but no content.
  const std::string probe = directory_ + "/.wal-e-probe-" + std::to_string(::getpid());
  const int fd = ::open(probe.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const std::string content(4096, '\n');
  const bool written = ::write(fd, content.data(), content.size()) == 4096;
  const bool closed = ::close(fd) == 0;
  ::unlink(probe.c_str());
  return written && closed;
}

bool acknowledgements::record(
    const std::string& name,
    const file_identity& file,
    std::uint64_t system_identifier,
    const sha256_value& digest) const {
  const auto found = file_identity::of(wal_directory_ + "/" + name);
  if (found != file) return false;
  file_record r;
  r.purpose = purpose;
  r.archive = archive_;
  r.name = name;
  r.file = file;
  r.system_identifier = system_identifier;
  r.digest = digest;
  return write_file_record(record_path(name), r);
}

std::vector<std::string> acknowledgements::list() const {
  std::vector<std::string> found;
  try {
    for (const fs::entry& e : fs::list_directory(directory_))
      if (!segment_of(e.name).empty()) found.push_back(e.name);
  } catch (const failure&) {
    found.clear();
  }
  return found;
}

void acknowledgements::sweep(
    const std::vector<std::string>& records, const std::set<std::string>& ready) const {
  for (const std::string& file_name : records)
    if (!ready.contains(segment_of(file_name))) ::unlink((directory_ + "/" + file_name).c_str());
}

std::vector<std::string> ready_segments(const std::string& wal_directory) {
  std::vector<std::string> found;
  try {
    for (const fs::entry& e : fs::list_directory(wal_directory + "/archive_status")) {
      if (!e.name.ends_with(ready_suffix)) continue;
      std::string name = e.name.substr(0, e.name.size() - ready_suffix.size());
      if (pg::wal_segment::parse(name)) found.push_back(std::move(name));
    }
  } catch (const failure&) {
    found.clear();
  }
  return found;
}

std::vector<std::string>
neighbours_of(const std::string& named, const std::vector<std::string>& ready, std::size_t count) {
  std::vector<std::string> chosen;
  for (const bool after : {true, false})
    for (const std::string& name : ready)
      if (name != named && (name > named) == after && chosen.size() < count) chosen.push_back(name);
  return chosen;
}

bool is_at_rest(const file_identity& file, std::int64_t now_ns) noexcept {
  // Times are taken from a clock that ticks at least 100 times a second; file systems that keep
  // whole seconds only have no fraction.
  constexpr std::int64_t tick = 20'000'000;
  constexpr std::int64_t second = 1'000'000'000;
  const std::int64_t changed_ns = std::max(file.mtime_ns, file.ctime_ns);
  const std::int64_t least = changed_ns % second == 0 ? 2 * second : tick;
  return changed_ns + least <= now_ns;
}

} // namespace wale::command
