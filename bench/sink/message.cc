#include "message.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <stdexcept>
#include <utility>

namespace sink {
namespace {

constexpr std::pair<std::string_view, char> xml_escapes[] = {
    {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&amp;", '&'}};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  throw std::runtime_error("bad escape in the URL");
}

std::string unescape_url(std::string_view text, bool plus_is_blank) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      plain += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      plain += plus_is_blank && text[i] == '+' ? ' ' : text[i];
    }
  }
  return plain;
}

std::string unescape_xml(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const auto known = std::find_if(std::begin(xml_escapes), std::end(xml_escapes), [&](auto& e) {
      return text.starts_with(e.first);
    });
    const bool is_escape = known != std::end(xml_escapes);
    plain += is_escape ? known->second : text.front();
    text.remove_prefix(is_escape ? known->first.size() : 1);
  }
  return plain;
}

/// What is before the separator; `text` keeps what is behind it.
std::string_view cut(std::string_view& text, std::string_view separator) {
  const auto at = text.find(separator);
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(at == text.npos ? text.size() : at + separator.size());
  return before;
}

std::string lower(std::string_view text) {
  std::string made(text);
  for (char& c : made)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return made;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

std::string_view reason(int status) {
  switch (status) {
  case 200:
    return "OK";
  case 201:
    return "Created";
  case 202:
    return "Accepted";
  case 204:
    return "No Content";
  case 206:
    return "Partial Content";
  case 308:
    return "Resume Incomplete";
  case 400:
    return "Bad Request";
  case 404:
    return "Not Found";
  case 405:
    return "Method Not Allowed";
  case 410:
    return "Gone";
  case 411:
    return "Length Required";
  case 412:
    return "Precondition Failed";
  case 416:
    return "Range Not Satisfiable";
  default:
    return "Status";
  }
}

std::string formatted(std::int64_t seconds, const char* form) {
  const std::time_t when = seconds;
  std::tm parts{};
  gmtime_r(&when, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, form, &parts)};
}

} // namespace

std::string request::query_value(const char* name, const std::string& absent) const {
  const auto at = query.find(name);
  return at == query.end() ? absent : at->second;
}

std::optional<std::string> request::header(const char* name) const {
  const auto at = headers.find(name);
  if (at == headers.end()) return std::nullopt;
  return at->second;
}

request parse_request(std::string_view head) {
  request made;
  std::string_view line = cut(head, "\r\n");
  made.method = cut(line, " ");
  std::string_view target = cut(line, " ");
  if (!line.starts_with("HTTP/1.") || !target.starts_with('/'))
    throw std::runtime_error("not a request");
  const bool is_old = line == "HTTP/1.0";
  const std::string_view path = cut(target, "?");
  made.path = unescape_url(path.substr(1), false);
  while (!target.empty()) {
    std::string_view value = cut(target, "&");
    const std::string_view name = cut(value, "=");
    made.query[unescape_url(name, true)] = unescape_url(value, true);
  }
  while (!head.empty()) {
    std::string_view value = cut(head, "\r\n");
    if (value.empty()) break;
    const std::string_view name = cut(value, ":");
    made.headers[lower(name)] = trimmed(value);
  }
  if (const auto length = made.header("content-length")) {
    const char* end = length->data() + length->size();
    if (std::from_chars(length->data(), end, made.length).ptr != end)
      throw std::runtime_error("bad Content-Length");
  }
  const std::string connection = lower(made.header("connection").value_or(""));
  made.is_chunked = made.headers.contains("transfer-encoding");
  made.wants_continue = lower(made.header("expect").value_or("")) == "100-continue";
  made.keep_alive = is_old ? connection == "keep-alive" : connection != "close";
  return made;
}

std::string head_of(const answer& a, std::uint64_t length, bool keep_alive) {
  std::string head = "HTTP/1.1 " + std::to_string(a.status) + ' ';
  head.append(reason(a.status)).append("\r\nServer: sink\r\nx-amz-request-id: 1\r\nDate: ");
  head.append(http_date(std::time(nullptr))).append("\r\n");
  for (const auto& [name, value] : a.headers)
    head.append(name).append(": ").append(value).append("\r\n");
  if (a.status != 204) head.append("Content-Length: " + std::to_string(length) + "\r\n");
  if (!keep_alive) head.append("Connection: close\r\n");
  return head.append("\r\n");
}

std::string http_date(std::int64_t seconds) {
  return formatted(seconds, "%a, %d %b %Y %H:%M:%S GMT");
}

std::string iso_date(std::int64_t seconds) {
  return formatted(seconds, "%Y-%m-%dT%H:%M:%S.000Z");
}

std::string escape_url(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF", marks = "-._~/";
  std::string made;
  for (const char c : text) {
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                          (c >= 'a' && c <= 'z') || marks.find(c) != marks.npos;
    if (is_plain) {
      made += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      made.append({'%', digits[byte / 16], digits[byte % 16]});
    }
  }
  return made;
}

std::string escape_xml(std::string_view text) {
  std::string made;
  for (const char c : text) {
    const auto known = std::find_if(
        std::begin(xml_escapes), std::end(xml_escapes), [&](auto& e) { return e.second == c; });
    if (known == std::end(xml_escapes))
      made += c;
    else
      made.append(known->first);
  }
  return made;
}

std::vector<std::string> xml_elements(std::string_view document, std::string_view name) {
  const std::string open = '<' + std::string(name) + '>', close = "</" + std::string(name) + '>';
  std::vector<std::string> found;
  for (cut(document, open); !document.empty(); cut(document, open))
    found.push_back(unescape_xml(cut(document, close)));
  return found;
}

} // namespace sink
