// Sentinel and metadata as JSON.
#include "python_json.hpp"

#include <wale/base/error.hpp>
#include <wale/catalog/sentinel.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value_to.hpp>

#include <algorithm>
#include <limits>
#include <utility>

namespace wale::catalog {
namespace {

namespace json = boost::json;

failure not_such_an_object(const std::string& where, const std::string& seen) {
  return failure(
      kind::corrupt,
      "an object of the archive is damaged",
      where + ": " + seen,
      "Restore another backup, or move this object away.");
}

json::object parse_object(std::string_view text, const std::string& where) {
  boost::system::error_code error;
  json::value v = parse_like_python(text, error);
  if (error) throw not_such_an_object(where, "not JSON (" + error.message() + ")");
  if (!v.is_object()) throw not_such_an_object(where, "not a JSON object");
  return std::move(v.as_object());
}

// Typed access to members of a hostile object: absent gives nullopt, another type throws.
class reader {
public:
  reader(const json::object& o, const std::string& where) : object_(o), where_(where) {}

  std::optional<std::string> text(std::string_view name) const {
    const json::value* v = find(name);
    if (!v) return std::nullopt;
    if (!v->is_string()) throw wrong(name, "a text");
    return std::string(v->as_string());
  }

  std::optional<std::uint64_t> number(std::string_view name) const {
    const json::value* v = find(name);
    if (!v) return std::nullopt;
    boost::system::error_code error;
    const auto n = v->to_number<std::uint64_t>(error);
    if (error) throw wrong(name, "a whole number that is not negative");
    return n;
  }

  const json::object* object(std::string_view name) const {
    const json::value* v = find(name);
    if (!v) return nullptr;
    if (!v->is_object()) throw wrong(name, "an object");
    return &v->as_object();
  }

  const json::array* array(std::string_view name) const {
    const json::value* v = find(name);
    if (!v) return nullptr;
    if (!v->is_array()) throw wrong(name, "a list");
    return &v->as_array();
  }

  failure wrong(std::string_view name, std::string_view expected) const {
    return not_such_an_object(
        where_, "\"" + std::string(name) + "\" is not " + std::string(expected));
  }

private:
  const json::value* find(std::string_view name) const {
    const json::value* v = object_.if_contains({name.data(), name.size()});
    return v && v->is_null() ? nullptr : v;
  }

  const json::object& object_;
  const std::string& where_;
};

std::string without_slash_at_end(std::string path) {
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  return path;
}

void read_spec(const json::object& spec, const std::string& where, sentinel& s) {
  const reader r(spec, where);
  s.base_prefix = r.text("base_prefix").value_or("");
  const json::array* oids = r.array("tablespaces");
  if (!oids) return;
  for (const json::value& oid : *oids) {
    if (!oid.is_string()) throw r.wrong("tablespaces", "a list of texts");
    tablespace t;
    t.oid = std::string(oid.as_string());
    const bool is_number =
        !t.oid.empty() && t.oid.size() <= 10 && t.oid.find_first_not_of("0123456789") == t.oid.npos;
    if (!is_number ||
        std::ranges::find(s.tablespaces, t.oid, &tablespace::oid) != s.tablespaces.end())
      throw r.wrong("tablespaces", "a list of different numbers");
    const json::object* place = r.object(t.oid);
    if (!place) throw r.wrong("tablespaces", "described: " + t.oid + " is missing");
    const reader p(*place, where);
    t.location = without_slash_at_end(p.text("loc").value_or(""));
    t.link = p.text("link").value_or("pg_tblspc/" + t.oid);
    s.tablespaces.push_back(std::move(t));
  }
}

json::object spec_of(const sentinel& s) {
  json::object spec;
  spec["base_prefix"] = s.base_prefix;
  json::array oids;
  for (const tablespace& t : s.tablespaces)
    oids.emplace_back(t.oid);
  spec["tablespaces"] = std::move(oids);
  for (const tablespace& t : s.tablespaces) {
    json::object& place = spec[t.oid].emplace_object();
    place["loc"] = t.location + "/";
    place["link"] = t.link;
  }
  return spec;
}

} // namespace

std::string write_sentinel(const sentinel& s) {
  json::object o;
  o["wal_segment_backup_stop"] = s.wal_segment_backup_stop;
  o["wal_segment_offset_backup_stop"] = s.wal_segment_offset_backup_stop;
  if (s.expanded_size_bytes) o["expanded_size_bytes"] = *s.expanded_size_bytes;
  o["spec"] = spec_of(s);
  if (s.partitions) o["partitions"] = *s.partitions;
  return dump_like_python(o);
}

sentinel read_sentinel(std::string_view text, const std::string& where) {
  const json::object o = parse_object(text, where);
  const reader r(o, where);
  sentinel s;
  s.wal_segment_backup_stop = r.text("wal_segment_backup_stop").value_or("");
  s.wal_segment_offset_backup_stop = r.text("wal_segment_offset_backup_stop").value_or("");
  s.expanded_size_bytes = r.number("expanded_size_bytes");
  if (const auto n = r.number("partitions")) {
    if (*n == 0 || *n > std::numeric_limits<std::uint32_t>::max())
      throw r.wrong("partitions", "a possible number of partitions");
    s.partitions = static_cast<std::uint32_t>(*n);
  }
  if (const json::object* spec = r.object("spec")) read_spec(*spec, where, s);
  return s;
}

std::string write_metadata(const metadata& m) {
  json::object o;
  o["start_time"] = m.start_time;
  o["finish_time"] = m.finish_time;
  o["date_fmt"] = "%Y-%m-%dT%H:%M:%S.%fZ";
  o["hostname"] = m.hostname;
  o["data_dir"] = m.data_dir;
  o["pg_version"] = m.pg_version;
  o["start_lsn"] = m.start_lsn;
  o["finish_lsn"] = m.finish_lsn;
  o["is_permanent"] = false;
  o["system_identifier"] = m.system_identifier;
  o["uncompressed_size"] = m.uncompressed_size;
  o["compressed_size"] = m.compressed_size;
  return dump_like_python(o);
}

metadata read_metadata(std::string_view text, const std::string& where) {
  const json::object o = parse_object(text, where);
  const reader r(o, where);
  metadata m;
  m.start_time = r.text("start_time").value_or("");
  m.finish_time = r.text("finish_time").value_or("");
  m.hostname = r.text("hostname").value_or("");
  m.data_dir = r.text("data_dir").value_or("");
  m.pg_version = static_cast<std::int64_t>(r.number("pg_version").value_or(0));
  m.start_lsn = r.number("start_lsn").value_or(0);
  m.finish_lsn = r.number("finish_lsn").value_or(0);
  m.system_identifier = r.number("system_identifier").value_or(0);
  m.uncompressed_size = r.number("uncompressed_size").value_or(0);
  m.compressed_size = r.number("compressed_size").value_or(0);
  return m;
}

} // namespace wale::catalog
