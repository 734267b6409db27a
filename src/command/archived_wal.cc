// Looks segments up one after the other: what was found once stays.
#include "archived_wal.hpp"

#include "transfer.hpp"

#include <wale/archive/gpg.hpp>
#include <wale/archive/lzop_stream.hpp>
#include <wale/base/digest.hpp>
#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/catalog/layout.hpp>
#include <wale/io/fs.hpp>
#include <wale/io/stream.hpp>
#include <wale/io/unique_fd.hpp>

#include <fcntl.h>
#include <memory>
#include <span>
#include <unistd.h>
#include <utility>
#include <vector>

namespace wale::command {
namespace {

constexpr std::string_view logger = "wal_e.operator.backup";

void require_header_of(
    pg::wal_segment segment,
    const cluster_wal& wal,
    const std::optional<pg::segment_header>& header,
    const std::string& url) {
  if (!header)
    throw failure(
        kind::corrupt,
        "a stored WAL file is damaged",
        url + " does not begin with the header of a WAL segment.");
  if (header->system_identifier == wal.system_identifier &&
      header->page_address == segment.start(wal.size))
    return;
  throw failure(
      kind::refused,
      "the archive holds WAL of another cluster",
      url + " begins at " + pg::to_string(header->page_address) +
          " of the cluster with system identifier " + std::to_string(header->system_identifier) +
          ", the backup needs " + pg::to_string(segment.start(wal.size)) + " of " +
          std::to_string(wal.system_identifier) + ".",
      "Give each cluster a prefix of its own, also after initdb or pg_upgrade.");
}

struct reading_front {
  std::optional<pg::segment_header>& header;

  task<> operator()(io::source& plain) {
    const io::block first = co_await plain.next();
    if (first) header = pg::read_segment_header(first.bytes());
  }
};

enum class look { gone, proven, sealed };

// The segment's header, from the store. Sealed: it is encrypted, and cannot be decrypted here.
task<look> look_into(context c, pg::wal_segment segment, const cluster_wal& wal) {
  const store::object_key key = catalog::wal_key(segment.name());
  const std::string url = c.archive.url(key);
  io::block_budget outputs = co_await c.rt.blocks().reserve(4 + archive::gpg_blocks);
  io::block_budget reading = outputs.split(2);
  io::block_budget decrypting = outputs.split(archive::gpg_blocks);
  std::unique_ptr<io::source> object = co_await c.archive.get(key, std::move(reading));
  if (!object) co_return look::gone;
  auto compressed =
      std::make_unique<archive::gpg_decryptor>(c.rt, std::move(object), std::move(decrypting), url);
  const archive::gpg_decryptor& decryptor = *compressed;
  archive::lzop_decompressor plain(c.rt, std::move(compressed), std::move(outputs));
  std::optional<pg::segment_header> header;
  reading_front read{header};
  try {
    co_await io::with_source(plain, read);
  } catch (const failure& f) {
    if (f.why() == kind::corrupt)
      throw f.with_msg("a stored WAL file is damaged").with_detail(url + ": " + f.text().detail);
    if (f.why() == kind::interrupted || !decryptor.is_encrypted()) throw;
    co_return look::sealed;
  }
  require_header_of(segment, wal, header, url);
  co_return look::proven;
}

// What the server itself has under this name; nullopt if it has removed it.
struct own_segment {
  sha256_value digest;
  std::optional<pg::segment_header> header;
};

std::optional<own_segment> read_own(const std::string& path) {
  const io::unique_fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  own_segment own{};
  sha256 digest;
  std::vector<std::byte> buffer(1 << 16);
  bool is_first = true;
  ssize_t n = 0;
  while ((n = ::read(fd.get(), buffer.data(), buffer.size())) > 0) {
    const auto bytes = std::span<const std::byte>(buffer).first(static_cast<std::size_t>(n));
    if (std::exchange(is_first, false)) own.header = pg::read_segment_header(bytes);
    digest.update(bytes);
  }
  if (n < 0) return std::nullopt;
  own.digest = digest.finish();
  return own;
}

failure other_than_own(const std::string& url, const std::string& path) {
  return failure(
      kind::refused,
      "the archive holds other WAL under the name of a segment of this cluster",
      url + " is encrypted for a key that is not here, and its digest is not that of \"" + path +
          "\".",
      "Give each cluster a prefix of its own, also after initdb or pg_upgrade.");
}

void warn_of_sealed(const std::string& url) {
  log::warning(
      logger,
      {"the archived WAL cannot be looked into here",
       url + " is encrypted for a key that this host does not have, and the server has removed "
             "its own copy. That it is there is taken for enough.",
       "Restore the backup once on a host with the secret key."});
}

// PostgreSQL never removes a history file. If it has none, there is none to come: the timeline was
// made by pg_resetwal.
void warn_of_no_history(const std::string& name, const std::string& directory) {
  log::warning(
      logger,
      {"the timeline has no history",
       name + " is neither in the archive nor in \"" + directory + "\".",
       "The backup can be restored. Recovery cannot get onto its timeline from an earlier one."});
}

} // namespace

task<bool> archived_wal::holds(pg::wal_segment segment) {
  store::object_key key = catalog::wal_key(segment.name());
  const auto attributes = co_await c_.archive.head(std::move(key));
  if (!attributes) co_return false;
  const bool ours = co_await is_ours(segment, attributes->plain_digest);
  co_return ours;
}

// False: the object is gone again.
task<bool> archived_wal::is_ours(pg::wal_segment segment, std::optional<sha256_value> stored) {
  if (!is_sealed_) {
    const look seen = co_await look_into(c_, segment, wal_);
    if (seen != look::sealed) co_return seen == look::proven;
    is_sealed_ = true;
  }
  const std::string url = c_.archive.url(catalog::wal_key(segment.name()));
  const std::string path = wal_.directory + "/" + segment.name();
  auto read = [&path] { return read_own(path); };
  const std::optional<own_segment> own = co_await c_.rt.offload(read);
  const bool is_comparable = own && stored;
  if (is_comparable && own->digest == *stored) {
    require_header_of(segment, wal_, own->header, url);
    co_return true;
  }
  if (is_comparable && !wal_.on_standby) throw other_than_own(url, path);
  if (!std::exchange(is_warned_, true)) warn_of_sealed(url);
  co_return true;
}

// If the store cannot tell, storing it will: equal content is success.
task<bool> archived_wal::has_object(std::string name) {
  try {
    store::object_key key = catalog::wal_key(name);
    const auto attributes = co_await c_.archive.head(std::move(key));
    co_return attributes.has_value();
  } catch (const failure& f) {
    if (f.why() != kind::unavailable) throw;
  }
  co_return false;
}

task<> archived_wal::bring_history(pg::timeline tli) {
  const std::string name = pg::to_hex(tli) + ".history";
  const bool is_there = co_await has_object(name);
  if (is_there) co_return;
  const std::string path = wal_.directory + "/" + name;
  if (!io::fs::status(path)) {
    warn_of_no_history(name, wal_.directory);
    co_return;
  }
  archivable file = co_await inspect(c_.rt, path);
  co_await push_wal_file(c_.rt, c_.archive, std::move(file));
}

} // namespace wale::command
