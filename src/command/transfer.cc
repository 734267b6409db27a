// WAL files through the pipeline. docs/design.md "Where data flows".
#include "transfer.hpp"

#include <wale/archive/lzop_stream.hpp>
#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/catalog/layout.hpp>
#include <wale/io/deadline.hpp>
#include <wale/io/file.hpp>
#include <wale/io/file_source.hpp>
#include <wale/io/fs.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <memory>
#include <random>
#include <unistd.h>
#include <utility>
#include <vector>

namespace wale::command {
namespace {

namespace fs = io::fs;
using name_kind = pg::wal_name::kind;

// Blocks of one WAL pipeline: enough to keep two cores and one read busy, few enough to stay in the
// cache (24 cost 8 ms of page faults in a segment).
constexpr std::size_t reading_blocks = 8;
constexpr std::size_t writing_blocks = 8;

constexpr std::string_view temporary_prefix = ".wal-e-fetch-";

bool is_segment_like(name_kind k) {
  return k == name_kind::segment || k == name_kind::partial;
}

failure not_archivable(const archivable& f, std::string detail) {
  return failure(
      kind::refused,
      "the file is not one that may be archived",
      std::move(detail),
      "Nothing was stored. PostgreSQL archives only complete files: is \"" + f.path +
          "\" the file it named?");
}

// Empty: the name is the one of this segment. The timeline may be an older one: a segment that was
// begun before a promotion is finished under the new timeline's name.
std::string misnamed(const pg::wal_name& name, const pg::segment_header& header) {
  if (name.segment->fits(header.size) && name.segment->start(header.size) == header.page_address)
    return {};
  return "it is another segment: its first page is at " + pg::to_string(header.page_address);
}

void check_segment(archivable& f, std::span<const std::byte> front) {
  f.header = pg::read_segment_header(front);
  if (!f.header)
    throw not_archivable(f, f.name.text + " does not begin with the header of a WAL segment.");
  if (f.size != f.header->size.bytes())
    throw not_archivable(
        f,
        f.name.text + " has " + std::to_string(f.size) + " bytes, its header says " +
            std::to_string(f.header->size.bytes()) + ".");
  if (const std::string what = misnamed(f.name, *f.header); !what.empty())
    throw not_archivable(f, f.name.text + " has a wrong name: " + what + ".");
}

// Runs one pipeline to its end and closes it on every path.
struct pushing {
  store::store& archive;
  store::put_request request;
  store::put_result& result;

  task<> operator()(io::source& body) {
    store::put_request r = std::move(request);
    result = co_await archive.put(std::move(r), body);
  }
};

struct draining {
  task<> operator()(io::source& body) {
    while (true) {
      const io::block b = co_await body.next();
      if (!b) co_return;
    }
  }
};

// Where the plain bytes of a fetch go; remembers the first ones.
struct writing {
  io::file& out;
  std::uint64_t& written;
  std::array<std::byte, pg::segment_header::length>& front;

  task<> operator()(io::source& body) {
    while (true) {
      const io::block b = co_await body.next();
      if (!b) co_return;
      if (written < front.size()) {
        const std::size_t n = std::min<std::size_t>(front.size() - written, b.size());
        std::memcpy(front.data() + written, b.bytes().data(), n);
      }
      co_await out.write_at(written, b.bytes());
      written += b.size();
    }
  }
};

failure corrupt_object(const std::string& url, const failure& why) {
  return why.with_msg("a stored WAL file is damaged")
      .with_detail(url + ": " + (why.text().detail.empty() ? why.text().msg : why.text().detail))
      .with_hint(
          "Restore the object \"" + url +
          "\" from a copy. Moving it away ends recovery before it, and loses what it held.");
}

void check_fetched(const pg::wal_name& name, std::uint64_t size, std::span<const std::byte> front) {
  const auto damaged = [](std::string detail) {
    return failure(kind::corrupt, "a stored WAL file is damaged", std::move(detail));
  };
  if (size == 0) throw damaged("it is empty");
  if (!is_segment_like(name.type)) return;
  const auto header =
      pg::read_segment_header(front.first(std::min<std::uint64_t>(front.size(), size)));
  if (!header) throw damaged("it does not begin with the header of a WAL segment");
  if (header->size.bytes() != size)
    throw damaged(
        "it has " + std::to_string(size) + " bytes, its header says " +
        std::to_string(header->size.bytes()));
  if (std::string what = misnamed(name, *header); !what.empty()) throw damaged(std::move(what));
}

// Left by a process that was killed; nobody else removes them. That some stay fails no fetch.
void sweep_temporaries(const std::string& directory) {
  constexpr std::time_t a_day = 24 * 60 * 60;
  try {
    for (const fs::entry& e : fs::list_directory(directory)) {
      if (!e.name.starts_with(temporary_prefix)) continue;
      const std::string path = directory + "/" + e.name;
      const auto s = fs::link_status(path);
      if (s && S_ISREG(s->st_mode) && s->st_mtim.tv_sec < std::time(nullptr) - a_day)
        fs::unlink(path);
    }
  } catch (const failure& f) {
    log::debug(
        "wal_e.operator.backup", {"could not look for old temporary files", f.text().detail});
  }
}

// 16 hexadecimal digits that nobody can foresee.
std::string random_digits() {
  std::random_device entropy;
  char text[17];
  std::snprintf(
      text,
      sizeof text,
      "%08x%08x",
      static_cast<unsigned>(entropy()),
      static_cast<unsigned>(entropy()));
  return text;
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// The destination's temporary file: gone unless it was renamed.
class temporary_name {
public:
  explicit temporary_name(const std::string& destination)
      : path_(directory_of(destination) + "/" + std::string(temporary_prefix) + random_digits()) {}
  ~temporary_name() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  temporary_name(const temporary_name&) = delete;
  temporary_name& operator=(const temporary_name&) = delete;

  const std::string& path() const { return path_; }
  void renamed() { path_.clear(); }

private:
  std::string path_;
};

} // namespace

task<archivable> inspect(io::runtime& rt, std::string path) {
  archivable f;
  f.path = path;
  f.name = pg::wal_name::parse(path.substr(path.rfind('/') + 1));
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    throw failure::system(errno, "open \"" + path + "\"", "could not find file for wal-push");
  io::file input = io::file::adopt(rt, fd, path);
  struct stat s {};
  if (::fstat(fd, &s) != 0) throw failure::system(errno, "stat \"" + path + "\"");
  if (!S_ISREG(s.st_mode)) throw not_archivable(f, "\"" + path + "\" is not a file.");
  f.size = static_cast<std::uint64_t>(s.st_size);
  f.mode = s.st_mode;
  f.mtime = s.st_mtim.tv_sec;
  if (f.size == 0) throw not_archivable(f, f.name.text + " is empty.");
  if (is_segment_like(f.name.type)) {
    std::array<std::byte, pg::segment_header::length> front{};
    const std::size_t n = co_await input.read_at(0, front);
    check_segment(f, std::span(front).first(n));
  }
  co_return f;
}

task<pushed> push_wal_file(io::runtime& rt, store::store& archive, archivable file) {
  const auto began = std::chrono::steady_clock::now();
  io::block_budget reading = co_await rt.blocks().reserve(reading_blocks);
  io::block_budget spare = co_await rt.blocks().reserve(1);
  io::file input = co_await io::file::open(rt, file.path, O_RDONLY);
  archive::lzop_stamp stamp;
  stamp.mode = file.mode;
  stamp.mtime = static_cast<std::uint64_t>(file.mtime);
  archive::lzop_compressor body(
      rt,
      io::read_file(rt, std::move(input), file.size, std::move(reading)),
      std::move(spare),
      stamp,
      archive::plain_digest::yes);

  pushed done;
  store::put_request request;
  request.key = catalog::wal_key(file.name.text);
  request.condition = store::put_condition::create_only;
  request.plain_digest = [&] {
    done.digest = body.digest();
    return std::optional(done.digest);
  };
  store::put_result result;
  pushing push{archive, std::move(request), result};
  co_await io::with_source(body, std::move(push));

  done.stored = result.what == store::put_result::outcome::stored;
  done.bytes = result.bytes;
  done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  co_return done;
}

task<sha256_value> digest_of_stored(io::runtime& rt, store::store& archive, store::object_key key) {
  const auto attributes = co_await archive.head(key);
  if (attributes && attributes->plain_digest) co_return *attributes->plain_digest;

  io::block_budget outputs = co_await rt.blocks().reserve(writing_blocks);
  io::block_budget reading = co_await rt.blocks().reserve(4);
  std::unique_ptr<io::source> object = co_await archive.get(key, std::move(reading));
  if (!object)
    throw failure(
        kind::unavailable,
        "an object vanished while it was compared",
        archive.url(key) + " existed, then it did not.",
        "Run it again.");
  archive::lzop_decompressor plain(
      rt, std::move(object), std::move(outputs), archive::plain_digest::yes);
  draining drain;
  co_await io::with_source(plain, drain);
  co_return plain.digest();
}

task<bool>
fetch_wal_file(io::runtime& rt, store::store& archive, pg::wal_name name, std::string path) {
  const store::object_key key = catalog::wal_key(name.text);
  const std::string url = archive.url(key);
  io::block_budget outputs = co_await rt.blocks().reserve(writing_blocks);
  io::block_budget reading = co_await rt.blocks().reserve(4);
  std::unique_ptr<io::source> object = co_await archive.get(key, std::move(reading));
  if (!object) co_return false;
  archive::lzop_decompressor plain(rt, std::move(object), std::move(outputs));

  std::exception_ptr error;
  try {
    sweep_temporaries(directory_of(path));
    temporary_name temporary(path);
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    io::file out = co_await io::file::open(rt, temporary.path(), flags, 0600);
    std::uint64_t written = 0;
    std::array<std::byte, pg::segment_header::length> front{};
    writing write{out, written, front};
    co_await io::with_source(plain, write);
    check_fetched(name, written, front);
    co_await out.sync();
    out.close();
    fs::rename(temporary.path(), path);
    temporary.renamed();
  } catch (const failure& f) {
    if (f.why() != kind::corrupt)
      error = std::current_exception();
    else
      error = std::make_exception_ptr(corrupt_object(url, f));
  }
  co_await plain.close();
  if (error) std::rethrow_exception(error);
  co_return true;
}

} // namespace wale::command
