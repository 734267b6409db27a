// Listing, choosing and loading backups.
#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/catalog/catalog.hpp>
#include <wale/io/stream.hpp>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <limits>
#include <tuple>
#include <utility>

namespace wale::catalog {
namespace {

// A few bytes in memory as a source.
class text_source final : public io::source {
public:
  text_source(std::string text, io::block_budget budget)
      : text_(std::move(text)), budget_(std::move(budget)) {}

  task<io::block> next() override {
    if (offset_ == text_.size()) co_return io::block();
    io::block b = co_await budget_.acquire();
    const std::size_t n = std::min(b.room().size(), text_.size() - offset_);
    std::memcpy(b.room().data(), text_.data() + offset_, n);
    b.append(n);
    offset_ += n;
    co_return std::move(b);
  }

  task<> close() override { co_return; }

private:
  std::string text_;
  std::size_t offset_ = 0;
  io::block_budget budget_;
};

struct collector {
  std::string& text;
  std::size_t limit;
  const std::string& where;

  task<> operator()(io::source& body) {
    while (true) {
      const io::block b = co_await body.next();
      if (!b) co_return;
      if (text.size() + b.size() > limit)
        throw failure(
            kind::corrupt,
            "an object of the archive is damaged",
            where + " is larger than " + std::to_string(limit) + " bytes.");
      text.append(reinterpret_cast<const char*>(b.bytes().data()), b.size());
    }
  }
};

// One damaged object of an old backup must not hide the others.
task<std::int64_t> time_taken(io::runtime& rt, store::store& archive, backup b) {
  try {
    const std::optional<metadata> m = co_await load_metadata(rt, archive, b.name);
    if (m) co_return parse_time(m->finish_time).value_or(b.modified_ns);
  } catch (const failure& f) {
    if (f.why() != kind::corrupt) throw;
    log::warning(
        "wal_e.operator.backup",
        {"the metadata of a backup is damaged",
         f.text().detail,
         "The time of its sentinel is used instead. Restore or remove the object."});
  }
  co_return b.modified_ns;
}

task<std::optional<std::string>> read_within(
    store::store& archive, store::object_key key, std::size_t limit, io::block_budget budget) {
  const std::string where = archive.url(key);
  const std::unique_ptr<io::source> body = co_await archive.get(std::move(key), std::move(budget));
  if (!body) co_return std::nullopt;
  std::string text;
  collector collect{text, limit, where};
  co_await io::with_source(*body, collect);
  co_return text;
}

failure invalid_query(const std::string& query) {
  return failure(
      kind::configuration,
      "invalid backup query submitted",
      "The submitted query operator was \"" + query + ".\"",
      "Use LATEST or a name that backup-list shows.");
}

task<std::optional<backup>>
latest_backup(io::runtime& rt, store::store& archive, std::vector<backup> candidates) {
  std::optional<backup> latest;
  std::tuple<std::int64_t, std::int64_t, backup_name> best{0, 0, backup_name::make("", 0)};
  for (const backup& b : candidates) {
    const std::int64_t taken = co_await time_taken(rt, archive, b);
    const std::tuple<std::int64_t, std::int64_t, backup_name> rank{taken, b.modified_ns, b.name};
    if (latest && rank <= best) continue;
    best = rank;
    latest = b;
  }
  co_return latest;
}

} // namespace

task<std::vector<backup>> list_backups(store::store& archive) {
  const std::string prefix(backups_directory);
  const std::vector<store::object_info> objects = co_await archive.list(prefix);
  std::vector<backup> backups;
  for (const store::object_info& o : objects)
    if (const auto name = sentinel_of(o.key))
      backups.push_back(backup{*name, o.modified_ns, o.last_modified});
  co_return backups;
}

task<std::optional<std::string>>
read_object(io::runtime& rt, store::store& archive, store::object_key key, std::size_t limit) {
  io::block_budget budget = co_await rt.blocks().reserve(1);
  co_return co_await read_within(archive, std::move(key), limit, std::move(budget));
}

task<store::put_result> write_object(
    io::runtime& rt,
    store::store& archive,
    store::object_key key,
    std::string content_type,
    std::string content,
    store::put_condition condition) {
  io::block_budget budget = co_await rt.blocks().reserve(1);
  text_source body(std::move(content), std::move(budget));
  store::put_request request;
  request.key = std::move(key);
  request.condition = condition;
  request.content_type = std::move(content_type);
  const store::put_result result = co_await archive.put(std::move(request), body);
  co_return result;
}

task<sentinel> load_sentinel(io::runtime& rt, store::store& archive, backup_name name) {
  const store::object_key key = sentinel_key(name);
  const std::optional<std::string> text = co_await read_object(rt, archive, key);
  if (!text)
    throw failure(
        kind::corrupt,
        "the backup was removed while it was looked at",
        archive.url(key) + " is gone.");
  co_return read_sentinel(*text, archive.url(key));
}

task<std::optional<metadata>>
load_metadata(io::runtime& rt, store::store& archive, backup_name name) {
  io::block_budget reading = co_await rt.blocks().reserve(1);
  co_return co_await load_metadata(archive, std::move(name), std::move(reading));
}

task<std::optional<metadata>>
load_metadata(store::store& archive, backup_name name, io::block_budget reading) {
  const store::object_key key = metadata_key(name);
  const std::optional<std::string> text =
      co_await read_within(archive, key, small_object_limit, std::move(reading));
  if (!text) co_return std::nullopt;
  co_return read_metadata(*text, archive.url(key));
}

task<std::vector<backup>> find_backups(io::runtime& rt, store::store& archive, std::string query) {
  const std::optional<backup_name> wanted = backup_name::parse_start(query);
  if (query != "LATEST" && !wanted) throw invalid_query(query);

  std::vector<backup> backups = co_await list_backups(archive);
  if (wanted) {
    std::erase_if(backups, [&](const backup& b) { return b.name.text() != query; });
    co_return backups;
  }
  std::optional<backup> latest = co_await latest_backup(rt, archive, std::move(backups));
  std::vector<backup> found;
  if (latest) found.push_back(std::move(*latest));
  co_return found;
}

std::string format_time(std::int64_t ns) {
  const std::time_t seconds = ns / 1'000'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[64];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  std::tm utc{};
  const std::string copy(text);
  const char* rest = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  // Other writers add a fraction; seconds are enough to order backups of one cluster.
  if (!rest || (*rest != 'Z' && *rest != '.')) return std::nullopt;
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 1'000'000'000;
  return std::clamp(std::int64_t{timegm(&utc)}, -most, most) * 1'000'000'000;
}

} // namespace wale::catalog
