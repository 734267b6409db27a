// The only unit with Beast in it.
#include "head.hpp"

#include <wale/base/error.hpp>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

namespace wale::http {

namespace beast = boost::beast::http;

namespace {

[[noreturn]] void refuse(std::string detail) {
  throw failure(kind::unavailable, "the answer is malformed", std::move(detail));
}

[[noreturn]] void misuse(const char* detail) {
  throw failure(kind::bug, "a request cannot be sent", detail);
}

/// RFC 9110, 5.6.2.
bool is_token(std::string_view text) {
  static constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           others.find(c) != std::string_view::npos;
  });
}

/// RFC 9110, 5.5: no control characters, of which CR and LF would begin a line of their own.
bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= ' ' && byte != 0x7f);
  });
}

bool is_target(std::string_view text) {
  return text.starts_with('/') &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c != 0x7f; });
}

bool is_ours(std::string_view name) {
  static constexpr std::string_view names[] = {
      "Content-Length", "Transfer-Encoding", "Connection", "Expect", "Proxy-Authorization"};
  return std::any_of(
      std::begin(names), std::end(names), [&](std::string_view n) { return same_name(n, name); });
}

using beast_request = beast::request<beast::empty_body>;

void add_field(beast_request& to, const std::string& name, const std::string& value) {
  if (!is_token(name)) misuse("The name of a header field is not a token.");
  if (!is_field_value(value))
    throw failure(
        kind::configuration,
        "a request cannot be sent",
        "The value of its header field \"" + name + "\" holds a line break or control character.",
        "Look for one at the end of a setting.");
  to.insert(name, value);
}

std::string text_of(beast_request& head) {
  std::string text;
  beast::request_serializer<beast::empty_body> writer(head);
  boost::beast::error_code error;
  while (!writer.is_header_done()) {
    writer.next(error, [&](boost::beast::error_code&, const auto& buffers) {
      std::size_t n = 0;
      for (auto b = boost::asio::buffer_sequence_begin(buffers);
           b != boost::asio::buffer_sequence_end(buffers);
           ++b) {
        const boost::asio::const_buffer part = *b;
        text.append(static_cast<const char*>(part.data()), part.size());
        n += part.size();
      }
      writer.consume(n);
    });
  }
  return text;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

/// All values of a list field, one after the other.
std::vector<std::string_view> list_of(const headers& fields, std::string_view name) {
  std::vector<std::string_view> items;
  for (const auto& [n, value] : fields) {
    if (!same_name(n, name)) continue;
    for (std::string_view rest = value; true;) {
      const std::size_t comma = rest.find(',');
      items.push_back(trimmed(rest.substr(0, comma)));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return items;
}

std::uint64_t length_in(std::string_view text) {
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() ||
      length > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
    refuse("Its Content-Length is not a number.");
  return length;
}

/// RFC 9112, 6.3.
body_framing framing_of(const response& head, bool of_head_request) {
  using by = body_framing::by;
  if (of_head_request || head.status < 200 || head.status == 204 || head.status == 304)
    return {by::nothing, 0};
  const auto codings = list_of(head.headers, "Transfer-Encoding");
  const auto lengths = list_of(head.headers, "Content-Length");
  if (!codings.empty()) {
    // Both together are how requests are smuggled past a proxy.
    if (!lengths.empty()) refuse("It has both a Content-Length and a Transfer-Encoding.");
    if (codings.size() != 1 || !same_name(codings.front(), "chunked"))
      refuse("Its Transfer-Encoding is not \"chunked\".");
    return {by::chunks, 0};
  }
  if (lengths.empty()) return {by::close, 0};
  const std::uint64_t length = length_in(lengths.front());
  for (const std::string_view other : lengths) {
    if (length_in(other) != length) refuse("Its Content-Lengths contradict each other.");
  }
  return {by::length, length};
}

} // namespace

std::string write_head(const request& what, const origin& to, const head_form& form) {
  if (!is_token(what.method)) misuse("Its method is not a token.");
  if (!is_target(what.target))
    misuse("Its target does not begin with a slash, or is not percent-encoded.");
  beast_request head;
  head.version(11);
  head.method_string(what.method);
  head.target(form.absolute ? to.text() + what.target : what.target);
  if (!what.headers.find("Host")) add_field(head, "Host", to.authority());
  for (const auto& [name, value] : what.headers) {
    if (is_ours(name)) misuse("It has a header field that the client adds itself.");
    add_field(head, name, value);
  }
  if (!what.headers.find("User-Agent")) head.insert("User-Agent", "wal-e");
  const bool without_body =
      what.method == "GET" || what.method == "HEAD" || what.method == "DELETE";
  if (!what.body.empty() || !without_body)
    head.insert("Content-Length", std::to_string(size_of(what.body)));
  if (form.expect_continue) head.insert("Expect", "100-continue");
  if (!form.proxy_authorization.empty())
    add_field(head, "Proxy-Authorization", form.proxy_authorization);
  return text_of(head);
}

std::string write_connect(const origin& to, const std::string& proxy_authorization) {
  const bool is_address = to.host.find(':') != std::string::npos;
  const std::string host = is_address ? "[" + to.host + "]" : to.host;
  const std::string target = host + ":" + std::to_string(to.port);
  beast_request head;
  head.version(11);
  head.method(beast::verb::connect);
  head.target(target);
  head.insert("Host", target);
  if (!proxy_authorization.empty()) add_field(head, "Proxy-Authorization", proxy_authorization);
  return text_of(head);
}

std::size_t head_size(std::span<const std::byte> bytes, std::size_t searched) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t end = text.find("\r\n\r\n", searched < 3 ? 0 : searched - 3);
  return end == std::string_view::npos ? 0 : end + 4;
}

answer_head parse_head(std::span<const std::byte> head, bool of_head_request) {
  beast::response_parser<beast::empty_body> parser;
  parser.header_limit(std::numeric_limits<std::uint32_t>::max());
  parser.body_limit(boost::none);
  parser.skip(true); // the body is not Beast's
  boost::beast::error_code error;
  parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (error) refuse("Its head cannot be parsed: " + error.message() + ".");
  if (!parser.is_header_done()) refuse("Its head ends too early.");

  answer_head result;
  const auto& message = parser.get();
  result.status = message.result_int();
  for (const auto& field : message)
    result.headers.add(std::string(field.name_string()), std::string(field.value()));
  result.framing = framing_of(result, of_head_request);
  result.keeps_alive = message.keep_alive() && result.framing.what != body_framing::by::close;
  return result;
}

} // namespace wale::http
