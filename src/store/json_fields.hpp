#pragma once
// JSON documents of servers: hostile input, of which only what is asked for is looked at. Pure.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace wale::store {

/// nullopt for what is no JSON document, or one that is no object.
std::optional<boost::json::object> parse_json_object(std::string_view text);

/// Empty if there is no such member, or it is no text.
std::string text_member(const boost::json::object& o, std::string_view name);

/// nullptr if there is no such member, or it is no object.
const boost::json::object* object_member(const boost::json::object& o, std::string_view name);

/// nullptr if there is no such member, or it is no list.
const boost::json::array* array_member(const boost::json::object& o, std::string_view name);

} // namespace wale::store
