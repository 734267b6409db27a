// Reads the specification with one small function per type of value.
#include "python_json.hpp"

#include <wale/base/error.hpp>
#include <wale/catalog/restore_spec.hpp>

#include <boost/json/object.hpp>

#include <algorithm>
#include <optional>
#include <vector>

namespace wale::catalog {
namespace {

namespace json = boost::json;

failure unusable(const std::string& where, std::string seen) {
  return failure(
      kind::configuration,
      "the restore specification cannot be used",
      where + ": " + std::move(seen),
      "It is a JSON object like \"spec\" in the backup's sentinel: {\"tablespaces\": [\"16384\"], "
      "\"16384\": {\"loc\": \"/new/place/\", \"link\": \"pg_tblspc/16384\"}}.");
}

json::object parse_object(std::string_view text, const std::string& where) {
  boost::system::error_code error;
  json::value v = parse_like_python(text, error);
  if (error) throw unusable(where, "it is not JSON (" + error.message() + ").");
  if (!v.is_object()) throw unusable(where, "it is not a JSON object.");
  return std::move(v.as_object());
}

// nullopt if it is not there.
std::optional<std::string>
text_of(const json::object& o, std::string_view name, const std::string& where) {
  const json::value* v = o.if_contains({name.data(), name.size()});
  if (!v) return std::nullopt;
  if (!v->is_string()) throw unusable(where, "\"" + std::string(name) + "\" is not a text.");
  return std::string(v->as_string());
}

std::string directory_of(std::string path, const std::string& of_what, const std::string& where) {
  if (!path.starts_with('/') || path.find('\0') != path.npos)
    throw unusable(where, of_what + " is \"" + path + "\", which is not an absolute path.");
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  return path;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

const tablespace* find(const sentinel& backup, std::string_view oid) {
  const auto found = std::ranges::find(backup.tablespaces, oid, &tablespace::oid);
  return found == backup.tablespaces.end() ? nullptr : &*found;
}

std::vector<std::string> oids_of(const sentinel& backup) {
  std::vector<std::string> oids;
  for (const tablespace& t : backup.tablespaces)
    oids.push_back(t.oid);
  return oids;
}

std::vector<std::string> listed_oids(const json::value& list, const std::string& where) {
  if (!list.is_array()) throw unusable(where, "\"tablespaces\" is not a list.");
  std::vector<std::string> oids;
  for (const json::value& v : list.as_array()) {
    if (!v.is_string()) throw unusable(where, "\"tablespaces\" is not a list of texts.");
    std::string oid(v.as_string());
    if (std::ranges::find(oids, oid) != oids.end())
      throw unusable(where, "\"tablespaces\" has " + oid + " twice.");
    oids.push_back(std::move(oid));
  }
  return oids;
}

// A mistyped number must not mean that the tablespace goes back to where it was.
void require_known(
    const json::object& spec,
    const std::vector<std::string>& oids,
    const std::string& where,
    const sentinel& backup) {
  for (const std::string& oid : oids)
    if (!find(backup, oid)) throw unusable(where, "the backup has no tablespace \"" + oid + "\".");
  for (const auto& member : spec)
    if (is_number(member.key()) && std::ranges::find(oids, member.key()) == oids.end())
      throw unusable(
          where,
          "the tablespace \"" + std::string(member.key()) +
              "\" is not one of the backup's, or not in \"tablespaces\".");
}

std::string place_of(const json::value& place, const std::string& oid, const std::string& where) {
  if (!place.is_object()) throw unusable(where, "\"" + oid + "\" is not an object.");
  const auto link = text_of(place.as_object(), "link", where);
  if (link && *link != "pg_tblspc/" + oid)
    throw unusable(
        where, "\"link\" of " + oid + " is \"" + *link + "\", not \"pg_tblspc/" + oid + "\".");
  const auto location = text_of(place.as_object(), "loc", where);
  if (!location) throw unusable(where, "\"" + oid + "\" has no \"loc\".");
  return directory_of(*location, "\"loc\" of " + oid, where);
}

std::string place_in(const tablespace& original, const std::string& where) {
  return directory_of(original.location, "the original place of " + original.oid, where);
}

} // namespace

restore_wish
read_restore_spec(std::string_view text, const std::string& where, const sentinel& backup) {
  const json::object spec = parse_object(text, where);
  const json::value* list = spec.if_contains("tablespaces");
  const std::vector<std::string> oids = list ? listed_oids(*list, where) : oids_of(backup);
  require_known(spec, oids, where, backup);
  restore_wish wish;
  if (const auto prefix = text_of(spec, "base_prefix", where))
    wish.directory = directory_of(*prefix, "\"base_prefix\"", where);
  for (const std::string& oid : oids) {
    const json::value* place = spec.if_contains(oid);
    wish.places[oid] = place ? place_of(*place, oid, where) : place_in(*find(backup, oid), where);
  }
  return wish;
}

restore_wish source_restore_spec(const sentinel& backup) {
  restore_wish wish;
  for (const tablespace& t : backup.tablespaces)
    wish.places[t.oid] = place_in(t, "the backup's sentinel");
  return wish;
}

} // namespace wale::catalog
