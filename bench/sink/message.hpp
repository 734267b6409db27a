#pragma once
// HTTP/1.1 heads (RFC 9112) and the escapes of URLs (RFC 3986, section 2.1) and of XML: text to
// values and back. Throws std::runtime_error for what is not HTTP.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sink {

using fields = std::map<std::string, std::string>; ///< names in lower case

struct request {
  std::string method;
  std::string path; ///< decoded, without the slash in front: `bucket/key`
  fields query;     ///< decoded
  fields headers;
  std::uint64_t length = 0; ///< of the body
  bool is_chunked = false;
  bool wants_continue = false;
  bool keep_alive = true;

  bool asks(const char* name) const { return query.contains(name); }
  std::string query_value(const char* name, const std::string& absent = {}) const;
  std::optional<std::string> header(const char* name) const;
};

request parse_request(std::string_view head);

struct answer {
  int status = 200;
  fields headers = {};
  std::string body = {};
};

/// The head of an answer with `length` bytes to come, empty line included.
std::string head_of(const answer& a, std::uint64_t length, bool keep_alive);
std::string http_date(std::int64_t seconds_since_epoch);
std::string iso_date(std::int64_t seconds_since_epoch);

/// Everything but letters, digits, `-._~` and `/`.
std::string escape_url(std::string_view text);
std::string escape_xml(std::string_view text);

/// The contents of all `<name>` elements, decoded, in order. Knows no nesting of equal names, no
/// attributes, no comments: the documents that clients send here have none.
std::vector<std::string> xml_elements(std::string_view document, std::string_view name);

} // namespace sink
