// The serializer.
#include "python_json.hpp"

#include <boost/json/serialize.hpp>

#include <cstdint>
#include <cstdio>
#include <string_view>

namespace wale::catalog {
namespace {

void escape_unit(std::string& out, std::uint32_t unit) {
  char text[16];
  std::snprintf(text, sizeof text, "\\u%04x", unit);
  out += text;
}

// One code point of valid UTF-8; Boost.JSON has checked what it parsed, what we write ourselves
// may be a path of any bytes, of which Python would have made lone surrogates (PEP 383).
std::uint32_t take_code_point(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t n) {
    if (text.size() <= n) return false;
    for (std::size_t i = 1; i <= n; ++i)
      if ((byte(i) & 0xC0U) != 0x80U) return false;
    return true;
  };
  std::uint32_t c = byte(0);
  std::size_t more = 0;
  if (c >= 0xC2U && c < 0xE0U && follows(1))
    more = 1;
  else if (c >= 0xE0U && c < 0xF0U && follows(2))
    more = 2;
  else if (c >= 0xF0U && c < 0xF5U && follows(3))
    more = 3;
  if (more == 0) {
    text.remove_prefix(1);
    return c < 0x80U ? c : 0xDC00U + c;
  }
  c &= 0x3FU >> more;
  for (std::size_t i = 1; i <= more; ++i)
    c = (c << 6U) | (byte(i) & 0x3FU);
  text.remove_prefix(more + 1);
  return c;
}

void dump_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::uint32_t c = take_code_point(text);
    if (c == '"')
      out += "\\\"";
    else if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\b')
      out += "\\b";
    else if (c == '\f')
      out += "\\f";
    else if (c >= 0x10000U) {
      escape_unit(out, 0xD800U + ((c - 0x10000U) >> 10U));
      escape_unit(out, 0xDC00U + ((c - 0x10000U) & 0x3FFU));
    } else if (c < 0x20U || c > 0x7EU)
      escape_unit(out, c);
    else
      out += static_cast<char>(c);
  }
  out += '"';
}

void dump(std::string& out, const boost::json::value& v) {
  if (const auto* object = v.if_object()) {
    out += '{';
    std::string_view separator;
    for (const auto& member : *object) {
      out += separator;
      dump_string(out, member.key());
      out += ": ";
      dump(out, member.value());
      separator = ", ";
    }
    out += '}';
  } else if (const auto* array = v.if_array()) {
    out += '[';
    std::string_view separator;
    for (const auto& element : *array) {
      out += separator;
      dump(out, element);
      separator = ", ";
    }
    out += ']';
  } else if (const auto* text = v.if_string()) {
    dump_string(out, *text);
  } else {
    out += boost::json::serialize(v);
  }
}

} // namespace

std::string dump_like_python(const boost::json::value& v) {
  std::string out;
  dump(out, v);
  return out;
}

} // namespace wale::catalog
