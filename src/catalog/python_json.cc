// The serializer, and what Boost.JSON's parser lacks.
#include "python_json.hpp"

#include <boost/json/error.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <optional>
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
  const std::uint32_t first = c;
  c &= 0x3FU >> more;
  for (std::size_t i = 1; i <= more; ++i)
    c = (c << 6U) | (byte(i) & 0x3FU);
  // Overlong, a surrogate, beyond the last code point (RFC 3629, section 3).
  const bool is_wrong = (more == 2 && (c < 0x800U || (c >= 0xD800U && c <= 0xDFFFU))) ||
                        (more == 3 && (c < 0x10000U || c > 0x10FFFFU));
  if (more == 0 || is_wrong) {
    text.remove_prefix(1);
    return first < 0x80U ? first : 0xDC00U + first;
  }
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

// The code unit of an escape at the front of `text`.
std::optional<std::uint32_t> escaped_unit(std::string_view text) {
  if (text.size() < 6 || !text.starts_with("\\u")) return std::nullopt;
  std::uint32_t unit = 0;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + 6, unit, 16);
  if (error != std::errc() || end != text.data() + 6) return std::nullopt;
  return unit;
}

// How much of `text` is one escape, a pair of surrogates being one.
std::size_t escape_length(std::string_view text, std::optional<std::uint32_t> unit) {
  if (!unit) return std::min<std::size_t>(2, text.size());
  const bool begins_pair = *unit >= 0xD800U && *unit < 0xDC00U;
  return begins_pair && escaped_unit(text.substr(6)) ? 12 : 6;
}

// Outside of texts JSON has no backslash.
std::string with_bytes_for_lone_surrogates(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find('\\'), text.size());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const auto unit = escaped_unit(text);
    const std::size_t length = escape_length(text, unit);
    if (unit && *unit >= 0xDC80U && *unit <= 0xDCFFU)
      out += static_cast<char>(*unit - 0xDC00U);
    else
      out += text.substr(0, length);
    text.remove_prefix(length);
  }
  return out;
}

} // namespace

boost::json::value parse_like_python(std::string_view text, boost::system::error_code& error) {
  boost::json::value v = boost::json::parse({text.data(), text.size()}, error);
  if (error != boost::json::error::illegal_leading_surrogate) return v;
  boost::json::parse_options options;
  options.allow_invalid_utf8 = true;
  error.clear();
  return boost::json::parse(with_bytes_for_lone_surrogates(text), error, {}, options);
}

std::string dump_like_python(const boost::json::value& v) {
  std::string out;
  dump(out, v);
  return out;
}

} // namespace wale::catalog
