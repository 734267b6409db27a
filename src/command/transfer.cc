// WAL files through the pipeline. docs/design.md "Where data flows".
#include "transfer.hpp"

#include "encryption.hpp"
#include "temporary_name.hpp"

#include <wale/archive/gpg.hpp>
#include <wale/archive/lzop_stream.hpp>
#include <wale/base/error.hpp>
#include <wale/catalog/layout.hpp>
#include <wale/io/deadline.hpp>
#include <wale/io/file.hpp>
#include <wale/io/file_source.hpp>
#include <wale/io/fs.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <memory>
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
constexpr std::size_t compressed_blocks = 4;
constexpr std::size_t fetching_blocks = writing_blocks + compressed_blocks + archive::gpg_blocks;

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

struct hashing {
  sha256& digest;

  task<> operator()(io::source& body) {
    while (true) {
      const io::block b = co_await body.next();
      if (!b) co_return;
      digest.update(b.bytes());
    }
  }
};

// Of a segment that goes up in parts: a store wants to know it before the first.
task<sha256_value> digest_of_file(io::runtime& rt, archivable file, io::block_budget reading) {
  io::file input = co_await io::file::open(rt, file.path, O_RDONLY);
  const std::unique_ptr<io::source> body =
      io::read_file(rt, std::move(input), file.size, std::move(reading));
  sha256 digest;
  hashing hash{digest};
  co_await io::with_source(*body, hash);
  co_return digest.finish();
}

// A segment goes up in one request if its worst case leaves room for three more like it.
std::size_t staging_for(io::runtime& rt, const store::store& archive, std::uint64_t size) {
  const std::size_t worst_case = size / io::block::payload + 2;
  const bool goes_whole = archive.gathers_parts() && worst_case <= rt.blocks().size() / 4;
  // With less than it wants the store would reserve for itself, behind those who wait for us.
  return goes_whole ? std::max(worst_case, archive.staging_blocks()) : archive.staging_blocks();
}

bool goes_in_parts(const store::store& archive, std::uint64_t size, std::size_t staging) {
  return archive.gathers_parts() && staging < size / io::block::payload + 2;
}

// The body of a push. Its blocks go back to the pool when it has ended, not only when the store has
// answered: what waits for an answer leaves room for others to be read. The plain bytes of a
// segment in parts are read twice; the second time must find the same.
class push_body final : public io::source {
public:
  push_body(
      std::unique_ptr<archive::lzop_compressor> compressed,
      std::optional<sha256_value> expected,
      std::string path,
      std::function<void()> ended)
      : compressed_(std::move(compressed)), digest_(expected), path_(std::move(path)),
        ended_(std::move(ended)) {}

  task<io::block> next() override {
    if (!compressed_) co_return io::block();
    io::block b = co_await compressed_->next();
    if (b) co_return std::move(b);
    const sha256_value found = compressed_->digest();
    if (digest_ && *digest_ != found)
      throw failure(
          kind::corrupt,
          "the file changed while it was archived",
          "\"" + path_ + "\" was read twice, with different content.",
          "Nothing was stored. PostgreSQL does not change complete segments: what else writes?");
    digest_ = found;
    co_await compressed_->close();
    compressed_.reset();
    if (ended_) ended_();
    co_return io::block();
  }

  task<> close() override {
    if (compressed_) co_await compressed_->close();
  }

  /// Once the body has ended, or if it was known before.
  const sha256_value& digest() const { return digest_.value(); }

private:
  std::unique_ptr<archive::lzop_compressor> compressed_;
  std::optional<sha256_value> digest_;
  std::string path_;
  std::function<void()> ended_;
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

task<io::block_budget>
reserve_for_push(io::runtime& rt, const store::store& archive, std::uint64_t size) {
  const std::size_t staging = staging_for(rt, archive, size);
  const std::size_t twice = goes_in_parts(archive, size, staging) ? reading_blocks : 0;
  const std::size_t wanted = reading_blocks + 1 + twice + encryption_blocks() + staging;
  co_return co_await rt.blocks().reserve(wanted);
}

task<pushed> push_wal_file(
    io::runtime& rt,
    store::store& archive,
    archivable file,
    io::block_budget budget,
    push_terms terms) {
  const auto began = std::chrono::steady_clock::now();
  io::block_budget reading = budget.split(reading_blocks);
  io::block_budget spare = budget.split(1);
  io::block_budget encrypting = budget.split(encryption_blocks());
  std::optional<sha256_value> first_digest;
  if (goes_in_parts(archive, file.size, budget.size())) {
    io::block_budget first_reading = budget.split(reading_blocks);
    first_digest = co_await digest_of_file(rt, file, std::move(first_reading));
  }
  io::file input = co_await io::file::open(rt, file.path, O_RDONLY);
  archive::lzop_stamp stamp;
  stamp.mode = file.mode;
  stamp.mtime = static_cast<std::uint64_t>(file.mtime);
  auto compressed = std::make_unique<archive::lzop_compressor>(
      rt,
      io::read_file(rt, std::move(input), file.size, std::move(reading)),
      std::move(spare),
      stamp,
      archive::plain_digest::yes);
  archive::lzop_compressor& compressor = *compressed;
  auto plain_body = std::make_unique<push_body>(
      std::move(compressed), first_digest, file.path, std::move(terms.compressed));
  const push_body& read = *plain_body;
  const std::unique_ptr<io::source> body =
      encrypted(rt, std::move(plain_body), std::move(encrypting));

  pushed done;
  store::put_request request;
  request.key = catalog::wal_key(file.name.text);
  request.condition = store::put_condition::create_only;
  request.staging = std::move(budget);
  request.admission = std::move(terms.admission);
  request.plain_digest = [&] {
    done.digest = read.digest();
    return std::optional(done.digest);
  };
  store::put_result result;
  pushing push{archive, std::move(request), result};
  compressor.start(); // the store makes itself ready meanwhile
  co_await io::with_source(*body, std::move(push));

  done.stored = result.what == store::put_result::outcome::stored;
  done.bytes = result.bytes;
  done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  co_return done;
}

task<pushed> push_wal_file(io::runtime& rt, store::store& archive, archivable file) {
  io::block_budget budget = co_await reserve_for_push(rt, archive, file.size);
  co_return co_await push_wal_file(rt, archive, std::move(file), std::move(budget));
}

task<sha256_value> digest_of_stored(io::runtime& rt, store::store& archive, store::object_key key) {
  const auto attributes = co_await archive.head(key);
  if (attributes && attributes->plain_digest) co_return *attributes->plain_digest;

  io::block_budget outputs = co_await rt.blocks().reserve(fetching_blocks);
  io::block_budget reading = outputs.split(compressed_blocks);
  io::block_budget decrypting = outputs.split(archive::gpg_blocks);
  std::unique_ptr<io::source> object = co_await archive.get(key, std::move(reading));
  if (!object)
    throw failure(
        kind::unavailable,
        "an object vanished while it was compared",
        archive.url(key) + " existed, then it did not.",
        "Run it again.");
  auto compressed = std::make_unique<archive::gpg_decryptor>(
      rt, std::move(object), std::move(decrypting), archive.url(key));
  const archive::gpg_decryptor& decryptor = *compressed;
  archive::lzop_decompressor plain(
      rt, std::move(compressed), std::move(outputs), archive::plain_digest::yes);
  draining drain;
  try {
    co_await io::with_source(plain, drain);
  } catch (const failure& f) {
    if (decryptor.is_encrypted()) throw not_comparable(archive.url(key), key.name, f);
    throw;
  }
  co_return plain.digest();
}

task<bool> fetch_wal_file(
    io::runtime& rt,
    store::store& archive,
    pg::wal_name name,
    std::string path,
    sha256_value* digest) {
  const store::object_key key = catalog::wal_key(name.text);
  const std::string url = archive.url(key);
  io::block_budget outputs = co_await rt.blocks().reserve(fetching_blocks);
  io::block_budget reading = outputs.split(compressed_blocks);
  io::block_budget decrypting = outputs.split(archive::gpg_blocks);
  std::unique_ptr<io::source> object = co_await archive.get(key, std::move(reading));
  if (!object) co_return false;
  auto compressed =
      std::make_unique<archive::gpg_decryptor>(rt, std::move(object), std::move(decrypting), url);
  const auto wanted = digest ? archive::plain_digest::yes : archive::plain_digest::no;
  archive::lzop_decompressor plain(rt, std::move(compressed), std::move(outputs), wanted);

  std::exception_ptr error;
  try {
    sweep_temporaries(path);
    temporary_name temporary(path);
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    io::file out = co_await io::file::open(rt, temporary.path(), flags, 0600);
    std::uint64_t written = 0;
    std::array<std::byte, pg::segment_header::length> front{};
    writing write{out, written, front};
    co_await io::with_source(plain, write);
    check_fetched(name, written, front);
    if (digest) *digest = plain.digest();
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
