#include "swift_json.hpp"

#include "answer_fields.hpp"
#include "iso_time.hpp"
#include "json_fields.hpp"
#include "swift_address.hpp"

#include <wale/base/error.hpp>
#include <wale/http/url.hpp>

#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <utility>

namespace wale::store {
namespace {

namespace json = boost::json;

[[noreturn]] void unexpected(const std::string& what) {
  throw failure(
      kind::unavailable,
      "the server's answer is not Swift's",
      "Expected was " + what + " in JSON.",
      "Is this an OpenStack Swift, and is there a proxy in between that changes answers?");
}

std::optional<std::uint64_t> number_at(const json::object& in, std::string_view name) {
  const json::value* v = in.if_contains(name);
  if (!v || !v->is_number()) return std::nullopt;
  boost::system::error_code error;
  const auto n = v->to_number<std::uint64_t>(error);
  return error ? std::nullopt : std::optional(n);
}

object_info info_of(const json::value& v) {
  if (!v.is_object()) unexpected("a list of objects");
  const json::object& o = v.get_object();
  object_info info;
  info.key.name = text_member(o, "name");
  info.last_modified = text_member(o, "last_modified");
  const auto size = number_at(o, "bytes");
  const auto time = parse_iso_time(info.last_modified);
  if (info.key.name.empty() || !size || !time)
    unexpected("an object's name, bytes and last_modified");
  info.size = *size;
  info.modified_ns = *time;
  return info;
}

// What a report's list of errors consists of.
std::optional<std::pair<std::string_view, std::string_view>> name_and_status(const json::value& v) {
  const json::array* const pair = v.if_array();
  if (!pair || pair->size() < 2) return std::nullopt;
  const json::string* const name = (*pair)[0].if_string();
  const json::string* const status = (*pair)[1].if_string();
  if (!name || !status) return std::nullopt;
  return std::pair(std::string_view(*name), std::string_view(*status));
}

std::string name_in(const std::string& container, std::string_view path) {
  std::string name;
  try {
    name = http::percent_decode(path);
  } catch (const failure&) {
    name = std::string(path);
  }
  const std::string root = "/" + container + "/";
  return name.starts_with(root) ? name.substr(root.size()) : name;
}

} // namespace

std::vector<object_info> parse_swift_listing(std::string_view text) {
  json::monotonic_resource memory;
  boost::system::error_code error;
  const json::value v = json::parse(text, error, &memory);
  if (error || !v.is_array()) unexpected("a list of objects");
  std::vector<object_info> found;
  found.reserve(v.get_array().size());
  for (const json::value& one : v.get_array())
    found.push_back(info_of(one));
  return found;
}

std::string compose_manifest(const std::vector<swift_segment>& segments) {
  json::array all;
  for (const swift_segment& s : segments)
    all.push_back(json::object{{"path", s.path}, {"etag", s.etag}, {"size_bytes", s.size}});
  return json::serialize(all);
}

bool misses_segments(std::string_view text) {
  const auto document = parse_json_object(text);
  const json::array* const errors = document ? array_member(*document, "Errors") : nullptr;
  return errors && std::ranges::any_of(*errors, [](const json::value& e) {
           const auto pair = name_and_status(e);
           return pair && pair->second.starts_with("404");
         });
}

std::optional<std::size_t> bulk_limit_in(std::string_view info) {
  const auto document = parse_json_object(info);
  const json::object* const bulk = document ? object_member(*document, "bulk_delete") : nullptr;
  const auto most = bulk ? number_at(*bulk, "max_deletes_per_request") : std::nullopt;
  if (!most || *most == 0) return std::nullopt;
  return static_cast<std::size_t>(*most);
}

std::string
compose_bulk_delete(const std::string& container, const std::vector<std::string>& names) {
  std::string lines;
  for (const std::string& name : names)
    lines += object_target(container, name) + "\n";
  return lines;
}

swift_removals parse_bulk_delete(const std::string& container, std::string_view text) {
  const auto document = parse_json_object(text);
  if (!document) unexpected("the report of a bulk delete");
  swift_removals r;
  const std::string status = text_member(*document, "Response Status");
  r.status = static_cast<int>(parse_number(std::string_view(status).substr(0, 3)).value_or(0));
  r.said = printable(text_member(*document, "Response Body"));
  r.gone = number_at(*document, "Number Deleted").value_or(0);
  r.gone += number_at(*document, "Number Not Found").value_or(0);
  const json::array* const errors = array_member(*document, "Errors");
  if (r.status == 0 || !errors) unexpected("the report of a bulk delete");
  for (const json::value& e : *errors) {
    const auto pair = name_and_status(e);
    if (!pair) unexpected("the report of a bulk delete");
    failed_removal failed;
    failed.key = name_in(container, pair->first);
    failed.code = printable(pair->second);
    r.failed.push_back(std::move(failed));
  }
  return r;
}

} // namespace wale::store
