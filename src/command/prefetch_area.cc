// Names, checks and the lock. Everything here blocks, briefly.
#include "prefetch_area.hpp"

#include <wale/base/error.hpp>
#include <wale/io/fs.hpp>
#include <wale/io/unique_fd.hpp>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <span>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace wale::command {
namespace {

namespace fs = io::fs;

constexpr std::string_view purpose = "prefetched";
constexpr std::size_t segment_digits = 24;

// The rename that publishes a file changes its ctime.
file_identity without_ctime(file_identity f) {
  f.ctime_ns = 0;
  return f;
}

class opened_file {
public:
  explicit opened_file(const std::string& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) {}

  std::optional<file_identity> identity() const {
    struct stat s {};
    if (::fstat(descriptor_.get(), &s) != 0 || !S_ISREG(s.st_mode)) return std::nullopt;
    return without_ctime(file_identity::of(s));
  }

  std::optional<pg::segment_header> header() const {
    std::array<std::byte, pg::segment_header::length> front{};
    const ssize_t n = ::pread(descriptor_.get(), front.data(), front.size(), 0);
    if (n != static_cast<ssize_t>(front.size())) return std::nullopt;
    return pg::read_segment_header(front);
  }

private:
  io::unique_fd descriptor_;
};

// The identity of a file that is this segment, whole, of this cluster.
std::optional<file_identity> identity_of_segment(
    const std::string& path, const pg::wal_segment& segment, const prefetch_origin& origin) {
  const opened_file file(path);
  const auto identity = file.identity();
  if (!identity || identity->size != origin.size.bytes() || !segment.fits(origin.size))
    return std::nullopt;
  const auto header = file.header();
  if (!header || header->size != origin.size) return std::nullopt;
  if (header->system_identifier != origin.system_identifier) return std::nullopt;
  if (header->page_address != segment.start(origin.size)) return std::nullopt;
  return identity;
}

std::optional<pg::wal_segment> segment_of(const std::string& file_name) {
  return pg::wal_segment::parse(std::string_view(file_name).substr(0, segment_digits));
}

} // namespace

prefetch_origin origin_of(std::string archive, const pg::control_data& cluster) {
  return {std::move(archive), cluster.system_identifier, cluster.wal_segment_size};
}

prefetch_area::prefetch_area(const std::string& wal_directory)
    : parent_(wal_directory + "/.wal-e"), directory_(parent_ + "/prefetch"),
      running_(directory_ + "/running") {}

bool prefetch_area::exists() const {
  return ::access(directory_.c_str(), F_OK) == 0;
}

void prefetch_area::make() const {
  for (const std::string& path : {parent_, directory_, running_})
    fs::make_directory(path, 0700);
}

bool prefetch_area::holds(const pg::wal_segment& segment, const prefetch_origin& origin) const {
  const std::string name = segment.name();
  const std::string path = path_of(name);
  if (::access(path.c_str(), F_OK) != 0) return false;
  const auto identity = identity_of_segment(path, segment, origin);
  const auto record = read_file_record(record_path(name));
  if (identity && record && record->purpose == purpose && record->archive == origin.archive &&
      record->name == name && record->file == *identity &&
      record->system_identifier == origin.system_identifier)
    return true;
  ::unlink(path.c_str());
  ::unlink(record_path(name).c_str());
  return false;
}

bool prefetch_area::serve(
    const pg::wal_segment& segment,
    const prefetch_origin& origin,
    const std::string& destination) const {
  if (!holds(segment, origin)) return false;
  const std::string name = segment.name();
  if (::rename(path_of(name).c_str(), destination.c_str()) != 0) return false;
  ::unlink(record_path(name).c_str());
  return true;
}

std::string prefetch_area::begin(const pg::wal_segment& segment) const {
  std::string path = running_ + "/" + segment.name();
  fs::make_directory(path, 0700);
  return path;
}

void prefetch_area::publish(
    const pg::wal_segment& segment,
    const prefetch_origin& origin,
    const std::string& path,
    const sha256_value& digest) const {
  const auto identity = identity_of_segment(path, segment, origin);
  if (!identity)
    throw failure(
        kind::corrupt,
        "a prefetched segment is not of this cluster",
        "\"" + path + "\" has another size, place or system identifier.");
  file_record r;
  r.purpose = purpose;
  r.archive = origin.archive;
  r.name = segment.name();
  r.file = *identity;
  r.system_identifier = origin.system_identifier;
  r.digest = digest;
  if (!write_file_record(record_path(r.name), r))
    throw failure(kind::unavailable, "a record could not be written", record_path(r.name));
  fs::rename(path, path_of(r.name));
}

void prefetch_area::end(const pg::wal_segment& segment) const {
  fs::remove_tree(running_ + "/" + segment.name());
}

std::optional<std::uint64_t> prefetch_area::bytes_of(const pg::wal_segment& segment) const {
  const std::string path = running_ + "/" + segment.name();
  if (::access(path.c_str(), F_OK) != 0) return std::nullopt;
  std::uint64_t bytes = 0;
  try {
    for (const fs::entry& e : fs::list_directory(path))
      if (const auto f = file_identity::of(path + "/" + e.name)) bytes += f->size;
  } catch (const failure&) {
    return std::nullopt;
  }
  return bytes;
}

template <class Keep> void prefetch_area::remove_unless(const Keep& keep) const {
  try {
    for (const fs::entry& e : fs::list_directory(directory_)) {
      const auto segment = segment_of(e.name);
      if (segment && !keep(*segment)) ::unlink(path_of(e.name).c_str());
    }
  } catch (const failure&) { // none there, then
  }
}

void prefetch_area::keep_only(
    const pg::wal_segment& first, std::size_t count, pg::segment_size size) const {
  const std::uint64_t begin = first.start(size).value;
  const std::uint64_t end = begin + count * size.bytes();
  remove_unless([&](const pg::wal_segment& s) {
    const std::uint64_t at = s.start(size).value;
    return s.tli == first.tli && at >= begin && at < end;
  });
}

void prefetch_area::drop_announcements() const {
  try {
    for (const fs::entry& e : fs::list_directory(running_))
      fs::remove_tree(running_ + "/" + e.name);
  } catch (const failure&) { // none there, then
  }
}

void prefetch_area::drop_all() const {
  remove_unless([](const pg::wal_segment&) { return false; });
  drop_announcements();
}

prefetch_lock prefetch_lock::open(const prefetch_area& area) noexcept {
  constexpr int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
  return prefetch_lock(::open(area.lock_path().c_str(), flags, 0600));
}

prefetch_lock prefetch_lock::adopt(int descriptor, const prefetch_area& area) noexcept {
  struct stat handed {};
  struct stat named {};
  const bool is_it = ::fstat(descriptor, &handed) == 0 &&
                     ::lstat(area.lock_path().c_str(), &named) == 0 &&
                     handed.st_dev == named.st_dev && handed.st_ino == named.st_ino;
  if (is_it) ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  return prefetch_lock(is_it ? descriptor : -1);
}

prefetch_lock::prefetch_lock(prefetch_lock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

prefetch_lock::~prefetch_lock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool prefetch_lock::take() const noexcept {
  return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
}

void prefetch_lock::tell_wanted(const pg::wal_segment& segment) const noexcept {
  const std::string name = segment.name();
  (void)!::pwrite(descriptor_, name.data(), name.size(), 0);
}

std::optional<pg::wal_segment> prefetch_lock::wanted() const noexcept {
  std::array<char, segment_digits> name{};
  const ssize_t n = ::pread(descriptor_, name.data(), name.size(), 0);
  return pg::wal_segment::parse(
      std::string_view(name.data(), n > 0 ? static_cast<std::size_t>(n) : 0));
}

} // namespace wale::command
