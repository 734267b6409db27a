#include "azure_token.hpp"

#include "answer_fields.hpp"
#include "json_fields.hpp"

#include <wale/base/error.hpp>

#include <boost/json/object.hpp>

#include <charconv>

namespace wale::store {
namespace {

namespace json = boost::json;
using std::chrono::system_clock;

[[noreturn]] void unusable(const std::string& from, const std::string& why) {
  throw failure(
      kind::unavailable,
      "a token for Azure cannot be read",
      "The answer of " + from + " " + why + ".");
}

// In a header, a line break would begin another one.
bool is_clean(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f)
      return false;
  return true;
}

// The metadata service writes numbers as text.
std::optional<std::int64_t> seconds_in(const json::value* v) {
  if (!v) return std::nullopt;
  if (v->is_int64()) return v->get_int64();
  if (!v->is_string()) return std::nullopt;
  const std::string_view text = v->get_string();
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return n;
}

} // namespace

std::string oauth_error(std::string_view text) {
  const auto answer = parse_json_object(text);
  if (!answer) return {};
  const std::string code = text_member(*answer, "error");
  const std::string words = text_member(*answer, "error_description");
  return (code.empty() ? "" : " " + printable(code)) +
         (words.empty() ? "" : ", \"" + printable(words) + "\"");
}

azure_token
parse_azure_token(std::string_view text, const std::string& from, system_clock::time_point now) {
  constexpr std::int64_t longest = 30LL * 24 * 60 * 60;
  const auto answer = parse_json_object(text);
  if (!answer) unusable(from, "is no JSON object");
  const std::string token = text_member(*answer, "access_token");
  if (token.empty()) unusable(from, "has no access_token");
  if (!is_clean(token)) unusable(from, "has an access_token that is none");
  const auto seconds = seconds_in(answer->if_contains("expires_in"));
  if (!seconds || *seconds < 0 || *seconds > longest) unusable(from, "tells no expiry");
  azure_token found;
  found.bearer = wale::secret(token);
  found.expiry = now + std::chrono::seconds(*seconds);
  return found;
}

} // namespace wale::store
