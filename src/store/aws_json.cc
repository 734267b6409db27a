#include "aws_json.hpp"

#include "iso_time.hpp"
#include "json_fields.hpp"

#include <wale/base/error.hpp>

#include <boost/json/object.hpp>

#include <chrono>
#include <utility>

namespace wale::store {
namespace {

namespace json = boost::json;

[[noreturn]] void unusable(const std::string& from, const std::string& why) {
  throw failure(
      kind::unavailable,
      "AWS credentials cannot be read",
      "The answer of " + from + " " + why + ".");
}

json::object object_in(std::string_view text, const std::string& from) {
  auto o = parse_json_object(text);
  if (!o) unusable(from, "is no JSON object");
  return std::move(*o);
}

// In a header, a line break would begin another one.
bool is_clean(const std::string& text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return false;
  return true;
}

aws_credentials credentials_in(const json::object& o, const std::string& from) {
  aws_credentials found;
  found.key_id = text_member(o, "AccessKeyId");
  found.secret = wale::secret(text_member(o, "SecretAccessKey"));
  std::string token = text_member(o, "Token");
  if (token.empty()) token = text_member(o, "SessionToken");
  found.session_token = wale::secret(token);
  if (found.key_id.empty() || found.secret.empty())
    unusable(from, "lacks AccessKeyId or SecretAccessKey");
  if (!is_clean(found.key_id) || !is_clean(found.secret.reveal()) || !is_clean(token))
    unusable(from, "holds keys with blanks or control characters");
  if (const std::string expiry = text_member(o, "Expiration"); !expiry.empty()) {
    const auto ns = parse_iso_time(expiry);
    if (!ns) unusable(from, "has an Expiration that is no time");
    using namespace std::chrono;
    found.expiry =
        system_clock::time_point(duration_cast<system_clock::duration>(nanoseconds(*ns)));
  }
  return found;
}

} // namespace

aws_credentials parse_credentials(std::string_view text, const std::string& from) {
  const json::object o = object_in(text, from);
  const std::string code = text_member(o, "Code");
  if (!code.empty() && code != "Success") {
    if (!is_clean(code) || code.size() > 100) unusable(from, "reports a failure");
    unusable(from, "reports the failure \"" + code + "\"");
  }
  return credentials_in(o, from);
}

aws_credentials parse_process_credentials(std::string_view text, const std::string& from) {
  const json::object o = object_in(text, from);
  const json::value* version = o.if_contains("Version");
  if (!version || !version->is_int64() || version->get_int64() != 1)
    unusable(from, "is not of \"Version\": 1");
  return credentials_in(o, from);
}

} // namespace wale::store
