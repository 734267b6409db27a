// A backup for programs.
#include "python_json.hpp"

#include <wale/catalog/backup_json.hpp>
#include <wale/pg/wal_name.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cstdint>
#include <cstdio>
#include <utility>

namespace wale::catalog {
namespace {

namespace json = boost::json;

json::value known(const std::string& text) {
  return text.empty() ? json::value() : json::value(text);
}

json::value known(const std::optional<std::uint64_t>& number) {
  return number ? json::value(*number) : json::value();
}

// With the fraction that some stores know, as format_time() has none.
std::string precise_time(std::int64_t ns) {
  std::string text = format_time(ns);
  const auto microseconds = static_cast<int>(ns / 1000 % 1'000'000);
  char fraction[16];
  std::snprintf(fraction, sizeof fraction, ".%06dZ", microseconds);
  if (microseconds != 0) text.replace(text.size() - 1, 1, fraction);
  return text;
}

} // namespace

std::string backup_json(
    const backup& b,
    const std::optional<sentinel>& its_sentinel,
    const std::optional<metadata>& its_metadata) {
  json::object o;
  o["name"] = b.name.text();
  o["last_modified"] = precise_time(b.modified_ns);
  const sentinel s = its_sentinel.value_or(sentinel());
  o["expanded_size_bytes"] = known(s.expanded_size_bytes);
  o["wal_segment_backup_start"] = b.name.segment();
  o["wal_segment_offset_backup_start"] = b.name.offset();
  o["wal_segment_backup_stop"] = known(s.wal_segment_backup_stop);
  o["wal_segment_offset_backup_stop"] = known(s.wal_segment_offset_backup_stop);
  o["partitions"] = known(s.partitions);
  o["base_prefix"] = known(s.base_prefix);
  json::array tablespaces;
  for (const tablespace& t : s.tablespaces) {
    json::object place;
    place["oid"] = t.oid;
    place["location"] = t.location;
    tablespaces.push_back(std::move(place));
  }
  o["tablespaces"] = its_sentinel ? json::value(std::move(tablespaces)) : json::value();

  const metadata m = its_metadata.value_or(metadata());
  const auto number = [&](auto n) {
    return its_metadata ? json::value(static_cast<std::uint64_t>(n)) : json::value();
  };
  const auto text = [&](const std::string& t) { return its_metadata ? known(t) : json::value(); };
  o["start_time"] = text(m.start_time);
  o["finish_time"] = text(m.finish_time);
  o["hostname"] = text(m.hostname);
  o["data_dir"] = text(m.data_dir);
  o["pg_version"] = number(m.pg_version);
  o["start_lsn"] = text(pg::to_string(pg::lsn{m.start_lsn}));
  o["finish_lsn"] = text(pg::to_string(pg::lsn{m.finish_lsn}));
  // A text: many readers of JSON keep only 53 bits of a number.
  o["system_identifier"] = text(std::to_string(m.system_identifier));
  o["uncompressed_size"] = number(m.uncompressed_size);
  o["compressed_size"] = number(m.compressed_size);
  return dump_like_python(o);
}

} // namespace wale::catalog
