// Objects as files. An object is written under a temporary name in its own directory, made durable,
// and only then given its name: by link(2) where it must not replace another, else by rename(2).
#include "file.hpp"

#include "file_prefix.hpp"
#include "leftovers.hpp"
#include "uncached_writer.hpp"

#include <wale/base/error.hpp>
#include <wale/io/file.hpp>
#include <wale/io/file_source.hpp>
#include <wale/io/fs.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <set>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace wale::store {
namespace {

namespace fs = io::fs;

constexpr const char* digest_attribute = "user.wale.sha256";
constexpr std::size_t least_staging = 3; // one that fills, two on their way
constexpr mode_t file_mode = 0640;
constexpr mode_t directory_mode = 0750;

// As Python's datetime.isoformat() prints a UTC time, which WAL-E shows: no fraction if it is zero.
std::string isoformat(std::int64_t ns) {
  const std::time_t seconds = ns / 1'000'000'000;
  const auto microseconds = static_cast<int>(ns / 1000 % 1'000'000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[64];
  const std::size_t n = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  if (microseconds != 0) std::snprintf(text + n, sizeof text - n, ".%06d", microseconds);
  return text;
}

std::int64_t modified_ns(const struct stat& s) {
  return std::int64_t{s.st_mtim.tv_sec} * 1'000'000'000 + s.st_mtim.tv_nsec;
}

task<std::uint64_t> write_through_cache(io::file& out, io::source& body) {
  std::uint64_t offset = 0;
  while (true) {
    io::block b = co_await body.next();
    if (!b) co_return offset;
    co_await out.write_at(offset, b.bytes());
    offset += b.size();
  }
}

class file_store final : public store {
public:
  file_store(io::runtime& rt, std::string authority, std::string root)
      : runtime_(rt), authority_(std::move(authority)), root_(std::move(root)) {}

  std::string url(const object_key& key) const override {
    return "file://" + authority_ + path_of(key);
  }

  std::string prefix() const override {
    std::string p = root_.substr(1);
    if (!p.empty()) p += '/';
    return p;
  }

  std::string kind_name() const override { return "file"; }

  std::size_t staging_blocks() const override { return least_staging; }
  bool gathers_parts() const override { return false; }

  task<> prepare() override {
    auto make = [this] { make_root(); };
    co_await runtime_.offload(make);
    co_await sweep();
  }

  task<> sweep() override {
    auto job = [this] {
      for (const std::string_view top : top_directories)
        sweep_temporary_files(root_, top);
    };
    co_await runtime_.offload(job);
  }

  task<put_result> put(put_request request, io::source& body) override {
    const std::string path = path_of(request.key);
    const std::string temporary_path = directory_of(path) + "/" + temporary_name();
    auto make = [&] { make_directory_of(request.key); };
    co_await runtime_.offload(make);

    io::file out =
        co_await io::file::open(runtime_, temporary_path, O_WRONLY | O_CREAT | O_EXCL, file_mode);
    temporary_file temporary(std::move(out), temporary_path, root_, request.key.name);

    put_result result;
    const bool around_cache = request.staging.size() >= least_staging;
    if (around_cache)
      result.bytes = co_await write_around_cache(runtime_, temporary.file(), body, request.staging);
    else
      result.bytes = co_await write_through_cache(temporary.file(), body);
    std::optional<sha256_value> digest;
    if (request.plain_digest) digest = request.plain_digest();
    auto finish = [&] {
      const int fd = temporary.file().descriptor();
      if (around_cache) fs::set_length(fd, result.bytes);
      if (digest) fs::set_attribute(fd, digest_attribute, to_hex(*digest));
    };
    co_await runtime_.offload(finish);
    co_await temporary.file().sync();
    temporary.file().close();

    if (request.admission) co_await request.admission();
    auto publish = [&] { return give_name(temporary, path, request.condition); };
    result.what = co_await runtime_.offload(publish);
    if (result.what == put_result::outcome::exists) co_await make_durable(path);
    co_return result;
  }

  task<std::unique_ptr<io::source>> get(object_key key, io::block_budget budget) override {
    const std::string path = path_of(key);
    auto opening = [&] { return open_existing(key, path); };
    std::optional<opened> o = co_await runtime_.offload(opening);
    if (!o) co_return nullptr;
    io::file input = io::file::adopt(runtime_, o->descriptor, path);
    co_return io::read_file(runtime_, std::move(input), o->size, std::move(budget));
  }

  task<std::optional<object_attributes>> head(object_key key) override {
    const std::string path = path_of(key);
    auto look = [&] { return attributes_of(key, path); };
    co_return co_await runtime_.offload(look);
  }

  task<std::vector<object_info>> list(std::string key_prefix) override {
    auto walk = [&] {
      std::vector<object_info> found;
      require_root();
      const std::size_t slash = key_prefix.rfind('/');
      const std::string directory =
          slash == std::string::npos ? "" : key_prefix.substr(0, slash + 1);
      collect(directory, key_prefix, found);
      std::ranges::sort(found, {}, &object_info::key);
      return found;
    };
    co_return co_await runtime_.offload(walk);
  }

  task<> remove(std::vector<object_key> keys) override {
    auto unlink_all = [&] {
      std::exception_ptr first;
      std::set<std::string> touched;
      const auto attempt = [&first](const auto& action) {
        try {
          action();
        } catch (const failure&) {
          if (!first) first = std::current_exception();
        }
      };
      for (const object_key& key : keys)
        attempt([&] {
          if (!fs::unlink(path_of(key))) return;
          touched.insert(directory_of(path_of(key)));
          prune_directories(root_, key.name);
        });
      for (const std::string& directory : existing(touched))
        attempt([&] { fs::sync_directory(directory); });
      if (first) std::rethrow_exception(first);
    };
    co_await runtime_.offload(unlink_all);
  }

private:
  std::string path_of(const object_key& key) const { return root_ + "/" + key.name; }

  static std::string directory_of(const std::string& path) {
    return path.substr(0, path.rfind('/'));
  }

  // The directories, or what is left of the way to them.
  std::set<std::string> existing(const std::set<std::string>& directories) const {
    std::set<std::string> found;
    for (std::string d : directories) {
      while (d.size() > root_.size() && !fs::is_directory(d))
        d = directory_of(d);
      found.insert(d);
    }
    return found;
  }

  // The prefix's parent must exist: a missing one is more likely an unmounted disk than a wish.
  void make_root() const {
    const std::string parent = root_.substr(0, root_.rfind('/'));
    if (!fs::is_directory(parent.empty() ? "/" : parent))
      throw failure(
          kind::unavailable,
          "the directory that holds the storage prefix does not exist",
          "\"" + parent + "\" is no directory." + about_host(authority_),
          "Mount the file system or make the directory; wal-e makes only the prefix's own one.");
    fs::make_directories_below(
        parent.empty() ? "/" : parent, root_.substr(parent.size() + 1), directory_mode);
  }

  void make_directory_of(const object_key& key) const {
    const std::size_t slash = key.name.rfind('/');
    const std::string relative = slash == std::string::npos ? "" : key.name.substr(0, slash);
    // Whoever wrote into it had made it durable first; one that is empty was perhaps just made.
    std::error_code error;
    const std::string directory = relative.empty() ? root_ : root_ + "/" + relative;
    if (fs::is_directory(directory) && !std::filesystem::is_empty(directory, error) && !error)
      return;
    make_root();
    if (!relative.empty()) fs::make_directories_below(root_, relative, directory_mode);
  }

  void require_root() const { require_directory(root_); }

  void require_directory(const std::string& path) const {
    if (fs::is_directory(path)) return;
    throw failure(
        kind::unavailable,
        "the storage directory is missing",
        "\"" + path + "\" is no directory." + about_host(authority_),
        "Is the file system mounted, and is the storage prefix the one that was written to?");
  }

  // Absence is proven only where the archive itself is there to say so.
  void require_top_directory_of(const object_key& key) const {
    require_directory(root_ + "/" + key.name.substr(0, key.name.find('/')));
  }

  // A link that leads nowhere is there: what it leads to may be mounted again.
  void refuse_dangling_link(const std::string& path) const {
    for (std::string p = path; p.size() > root_.size(); p = directory_of(p)) {
      const auto s = fs::link_status(p);
      if (s && S_ISLNK(s->st_mode) && !fs::status(p))
        throw failure::system(ENOENT, "follow the link \"" + p + "\"", "could not read an object");
    }
  }

  // Throws where this "there is none" proves nothing. The caller looks once more afterwards, as the
  // file system may have been mounted between the two looks.
  void require_proof_of_absence(const object_key& key, const std::string& path) const {
    refuse_dangling_link(path);
    require_top_directory_of(key);
  }

  struct opened {
    int descriptor;
    std::uint64_t size;
  };

  // -1: ENOENT.
  static int open_to_read(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno != ENOENT)
      throw failure::system(errno, "open \"" + path + "\"", "could not read an object");
    return fd;
  }

  std::optional<opened> open_existing(const object_key& key, const std::string& path) const {
    int fd = open_to_read(path);
    if (fd < 0) {
      require_proof_of_absence(key, path);
      fd = open_to_read(path);
    }
    if (fd < 0) return std::nullopt;
    struct stat s {};
    ::fstat(fd, &s);
    if (!S_ISREG(s.st_mode)) {
      ::close(fd);
      throw not_a_file(path);
    }
    return opened{fd, static_cast<std::uint64_t>(s.st_size)};
  }

  std::optional<object_attributes>
  attributes_of(const object_key& key, const std::string& path) const {
    auto s = fs::status(path);
    if (!s) {
      require_proof_of_absence(key, path);
      s = fs::status(path);
    }
    if (!s) return std::nullopt;
    if (!S_ISREG(s->st_mode)) throw not_a_file(path);
    object_attributes a;
    a.size = static_cast<std::uint64_t>(s->st_size);
    if (const auto text = fs::get_attribute(path, digest_attribute))
      a.plain_digest = sha256_from_hex(*text);
    return a;
  }

  static failure not_a_file(const std::string& path) {
    return failure(
        kind::unavailable,
        "an object of the store is not a file",
        "\"" + path + "\" is something else.",
        "Nothing but wal-e should write below the storage prefix.");
  }

  static put_result::outcome
  give_name(temporary_file& temporary, const std::string& path, put_condition condition) {
    auto what = put_result::outcome::stored;
    if (condition == put_condition::none) {
      fs::rename(temporary.path(), path);
      temporary.published();
    } else if (fs::rename_noreplace(temporary.path(), path) == fs::publish::done) {
      temporary.published();
    } else {
      what = put_result::outcome::exists;
    }
    // Also where the name existed: whoever gave it may not have made it durable yet.
    fs::sync_directory(directory_of(path));
    return what;
  }

  // WAL-E wrote objects without fsync, and who is told that one exists need not keep its own.
  task<> make_durable(std::string path) {
    io::file object = co_await io::file::open(runtime_, path, O_RDONLY | O_NONBLOCK);
    co_await object.sync();
    object.close();
  }

  // Directories are followed as WAL-E follows them: links to directories are not.
  void collect(
      const std::string& directory,
      const std::string& key_prefix,
      std::vector<object_info>& found) const {
    std::vector<fs::entry> entries;
    try {
      entries = fs::list_directory(root_ + "/" + directory);
    } catch (const failure& f) {
      if (f.error_number() == ENOENT) return;
      throw;
    }
    for (const fs::entry& e : entries) {
      const std::string name = directory + e.name;
      // The directories of WAL and backups may be file systems of their own.
      if (is_temporary(e.name) || e.name == "lost+found") continue;
      if (e.type == DT_DIR) {
        const std::string below = name + "/";
        if (below.starts_with(key_prefix) || key_prefix.starts_with(below))
          collect(below, key_prefix, found);
        continue;
      }
      if (!name.starts_with(key_prefix)) continue;
      const auto s = fs::status(root_ + "/" + name);
      if (!s || !S_ISREG(s->st_mode)) continue;
      object_info o;
      o.key.name = name;
      o.size = static_cast<std::uint64_t>(s->st_size);
      o.modified_ns = modified_ns(*s);
      o.last_modified = isoformat(o.modified_ns);
      found.push_back(std::move(o));
    }
  }

  io::runtime& runtime_;
  std::string authority_;
  std::string root_; ///< absolute, without a slash at the end
};

} // namespace

std::unique_ptr<store> open_file_store(io::runtime& rt, const std::string& prefix_url) {
  file_prefix prefix = parse_file_prefix(prefix_url);
  return std::make_unique<file_store>(rt, std::move(prefix.host), std::move(prefix.root));
}

} // namespace wale::store
