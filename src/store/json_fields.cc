#include "json_fields.hpp"

#include <boost/json/parse.hpp>

#include <utility>

namespace wale::store {

namespace json = boost::json;

std::optional<json::object> parse_json_object(std::string_view text) {
  boost::system::error_code error;
  json::value v = json::parse(text, error);
  if (error || !v.is_object()) return std::nullopt;
  return std::move(v.get_object());
}

std::string text_member(const json::object& o, std::string_view name) {
  const json::value* v = o.if_contains(name);
  return v && v->is_string() ? std::string(v->get_string()) : std::string();
}

const json::object* object_member(const json::object& o, std::string_view name) {
  const json::value* v = o.if_contains(name);
  return v ? v->if_object() : nullptr;
}

const json::array* array_member(const json::object& o, std::string_view name) {
  const json::value* v = o.if_contains(name);
  return v ? v->if_array() : nullptr;
}

} // namespace wale::store
