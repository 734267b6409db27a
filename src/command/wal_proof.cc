// Looks segments up one after the other: what was found once stays. Of each one the first block is
// read: a segment of this name may be another cluster's. Where it is encrypted and the secret key
// is not here, the digest that was stored with it is compared with the server's own file.
#include "wal_proof.hpp"

#include "transfer.hpp"

#include <wale/archive/gpg.hpp>
#include <wale/archive/lzop_stream.hpp>
#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/catalog/layout.hpp>
#include <wale/io/fs.hpp>
#include <wale/io/stream.hpp>

#include <algorithm>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <span>
#include <unistd.h>
#include <utility>
#include <vector>

namespace wale::command {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::string_view logger = "wal_e.operator.backup";
constexpr std::chrono::milliseconds first_pause{20};
constexpr std::chrono::milliseconds longest_pause{1000};
constexpr std::chrono::seconds between_warnings{30};
constexpr std::chrono::seconds between_pings{2};

std::string describe(const pg::archiver_status& a) {
  std::string text =
      "The server's archiver has failed " + std::to_string(a.failed_count) + " times";
  if (a.last_failed) text += ", last for " + *a.last_failed;
  if (a.last_failed_time) text += " at " + *a.last_failed_time;
  text += a.last_archived ? "; it last archived " + *a.last_archived + "."
                          : "; it archived nothing yet.";
  return text;
}

void require_header_of(
    pg::wal_segment segment,
    const needed_wal& needed,
    const std::optional<pg::segment_header>& header,
    const std::string& url) {
  if (!header)
    throw failure(
        kind::corrupt,
        "a stored WAL file is damaged",
        url + " does not begin with the header of a WAL segment.");
  if (header->system_identifier == needed.system_identifier &&
      header->page_address == segment.start(needed.size))
    return;
  throw failure(
      kind::refused,
      "the archive holds WAL of another cluster",
      url + " begins at " + pg::to_string(header->page_address) +
          " of the cluster with system identifier " + std::to_string(header->system_identifier) +
          ", the backup needs " + pg::to_string(segment.start(needed.size)) + " of " +
          std::to_string(needed.system_identifier) + ".",
      "Give each cluster a prefix of its own, also after initdb or pg_upgrade.");
}

std::string hint_for(const needed_wal& needed) {
  if (needed.on_standby)
    return "A standby does not switch segments: run \"select pg_switch_wal()\" on the primary. Is "
           "the WAL archived under this prefix?";
  return "Look into the server's log for the archive_command. Does it use this prefix?";
}

task<pg::archiver_status> archiver_of(pg::backup_session& session) {
  pg::archiver_status status = co_await session.archiver();
  co_return status;
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
task<look> look_into(context c, pg::wal_segment segment, const needed_wal& needed) {
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
  require_header_of(segment, needed, header, url);
  co_return look::proven;
}

// What the server itself has under this name; nullopt if it has removed it.
struct own_segment {
  sha256_value digest;
  std::optional<pg::segment_header> header;
};

std::optional<own_segment> read_own(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  own_segment own{};
  sha256 digest;
  std::vector<std::byte> buffer(1 << 16);
  bool is_first = true;
  ssize_t n = 0;
  while ((n = ::read(fd, buffer.data(), buffer.size())) > 0) {
    const auto bytes = std::span<const std::byte>(buffer).first(static_cast<std::size_t>(n));
    if (std::exchange(is_first, false)) own.header = pg::read_segment_header(bytes);
    digest.update(bytes);
  }
  ::close(fd);
  if (n < 0) return std::nullopt;
  own.digest = digest.finish();
  return own;
}

// One segment's arrival.
class wait_for_segment {
public:
  wait_for_segment(
      context c,
      pg::backup_session& session,
      const needed_wal& needed,
      std::string pg_wal,
      clock::time_point give_up)
      : c_(c), session_(session), needed_(needed), pg_wal_(std::move(pg_wal)), give_up_(give_up) {}

  task<> operator()(pg::wal_segment segment) {
    const std::string name = segment.name();
    const store::object_key key = catalog::wal_key(name);
    std::chrono::milliseconds pause = first_pause;
    clock::time_point warned = clock::now();
    clock::time_point pinged = warned;
    while (true) {
      const bool arrived = co_await has_arrived(key, segment);
      if (arrived) co_return;
      const clock::time_point now = clock::now();
      if (now >= give_up_) co_await give_up(name);
      if (now - pinged >= between_pings) {
        pinged = now;
        co_await session_.ping();
      }
      if (now - warned >= between_warnings) {
        warned = now;
        co_await warn(name);
      }
      co_await c_.rt.sleep(pause);
      pause = std::min(2 * pause, longest_pause);
    }
  }

private:
  // A store that has no WAL directory yet is one where nothing has arrived yet.
  task<bool> has_arrived(store::object_key key, pg::wal_segment segment) {
    try {
      const auto attributes = co_await c_.archive.head(std::move(key));
      bool arrived = attributes.has_value();
      if (arrived) arrived = co_await is_ours(segment, attributes->plain_digest);
      obstacle_.clear();
      co_return arrived;
    } catch (const failure& f) {
      if (f.why() != kind::unavailable) throw;
      obstacle_ = " The store cannot be asked: " + f.text().msg;
      if (!f.text().detail.empty()) obstacle_ += ": " + f.text().detail;
    }
    co_return false;
  }

  // False: the object is gone again. Once one could not be decrypted, gpg is not asked for others.
  task<bool> is_ours(pg::wal_segment segment, std::optional<sha256_value> stored) {
    if (!is_sealed_) {
      const look seen = co_await look_into(c_, segment, needed_);
      if (seen != look::sealed) co_return seen == look::proven;
      is_sealed_ = true;
    }
    const std::string url = c_.archive.url(catalog::wal_key(segment.name()));
    const std::string path = pg_wal_ + "/" + segment.name();
    auto read = [&path] { return read_own(path); };
    const std::optional<own_segment> own = co_await c_.rt.offload(read);
    const bool is_comparable = own && stored;
    if (is_comparable && own->digest == *stored) {
      require_header_of(segment, needed_, own->header, url);
      co_return true;
    }
    if (is_comparable && !needed_.on_standby) throw other_than_own(url, path);
    if (!std::exchange(is_warned_, true)) warn_of_sealed(url);
    co_return true;
  }

  static failure other_than_own(const std::string& url, const std::string& path) {
    return failure(
        kind::refused,
        "the archive holds other WAL under the name of a segment of this cluster",
        url + " is encrypted for a key that is not here, and its digest is not that of \"" + path +
            "\".",
        "Give each cluster a prefix of its own, also after initdb or pg_upgrade.");
  }

  static void warn_of_sealed(const std::string& url) {
    log::warning(
        logger,
        {"the archived WAL cannot be looked into here",
         url + " is encrypted for a key that this host does not have, and the server has removed "
               "its own copy. That it is there is taken for enough.",
         "Restore the backup once on a host with the secret key."});
  }

  task<> warn(std::string name) {
    const pg::archiver_status status = co_await archiver_of(session_);
    log::warning(
        logger,
        {"blocking on sending WAL segments",
         "Waiting for " + name + " to arrive in the archive. " + describe(status) + obstacle_,
         hint_for(needed_)});
  }

  task<> give_up(std::string name) {
    const pg::archiver_status status = co_await archiver_of(session_);
    throw failure(
        kind::unavailable,
        "the WAL that the backup needs did not arrive in the archive",
        name + " is missing. " + describe(status) + obstacle_,
        hint_for(needed_));
  }

  context c_;
  pg::backup_session& session_;
  const needed_wal& needed_;
  std::string pg_wal_;
  clock::time_point give_up_;
  bool is_sealed_ = false;
  bool is_warned_ = false;
  std::string obstacle_; ///< why the store did not answer the last time
};

// PostgreSQL never removes a history file. If it has none, there is none to come: the timeline was
// made by pg_resetwal.
task<> bring_history(context c, std::string pg_wal, pg::timeline tli) {
  const std::string name = pg::to_hex(tli) + ".history";
  const store::object_key key = catalog::wal_key(name);
  const auto attributes = co_await c.archive.head(key);
  if (attributes) co_return;
  const std::string path = pg_wal + "/" + name;
  if (!io::fs::status(path)) {
    log::warning(
        logger,
        {"the timeline has no history",
         name + " is neither in the archive nor in " + pg_wal + ".",
         "The backup can be restored. Recovery cannot get onto its timeline from an earlier one."});
    co_return;
  }
  archivable file = co_await inspect(c.rt, path);
  co_await push_wal_file(c.rt, c.archive, std::move(file));
}

} // namespace

task<> wait_for_wal(
    context c,
    pg::backup_session& session,
    needed_wal needed,
    std::string pg_wal,
    std::chrono::seconds patience) {
  wait_for_segment arrival(c, session, needed, pg_wal, clock::now() + patience);
  pg::wal_segment segment = needed.first;
  while (true) {
    co_await arrival(segment);
    if (segment >= needed.last) break;
    segment = segment.next(needed.size);
  }
  if (needed.first.tli.value == 1) co_return;
  co_await bring_history(c, pg_wal, needed.first.tli);
}

} // namespace wale::command
