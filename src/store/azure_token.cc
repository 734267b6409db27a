#include "azure_token.hpp"

#include "answer_fields.hpp"

#include <wale/base/error.hpp>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

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

std::string text_of(const json::object& o, std::string_view name) {
  const json::value* const v = o.if_contains(name);
  return v && v->is_string() ? std::string(v->get_string()) : std::string();
}

} // namespace

std::string oauth_error(std::string_view text) {
  boost::system::error_code error;
  const json::value v = json::parse(text, error);
  if (error || !v.is_object()) return {};
  const std::string code = text_of(v.get_object(), "error");
  const std::string words = text_of(v.get_object(), "error_description");
  return (code.empty() ? "" : " " + printable(code)) +
         (words.empty() ? "" : ", \"" + printable(words) + "\"");
}

azure_token
parse_azure_token(std::string_view text, const std::string& from, system_clock::time_point now) {
  constexpr std::int64_t longest = 30LL * 24 * 60 * 60;
  boost::system::error_code error;
  const json::value v = json::parse(text, error);
  if (error || !v.is_object()) unusable(from, "is no JSON object");
  const json::object& o = v.get_object();
  const json::value* const token = o.if_contains("access_token");
  if (!token || !token->is_string() || token->get_string().empty())
    unusable(from, "has no access_token");
  if (!is_clean(token->get_string())) unusable(from, "has an access_token that is none");
  const auto seconds = seconds_in(o.if_contains("expires_in"));
  if (!seconds || *seconds < 0 || *seconds > longest) unusable(from, "tells no expiry");
  azure_token found;
  found.bearer = wale::secret(std::string(token->get_string()));
  found.expiry = now + std::chrono::seconds(*seconds);
  return found;
}

} // namespace wale::store
