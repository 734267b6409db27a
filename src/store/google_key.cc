#include "google_key.hpp"

#include "answer_fields.hpp"
#include "google_jwt.hpp"
#include "json_fields.hpp"

#include <wale/base/error.hpp>
#include <wale/http/url.hpp>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace wale::store {
namespace {

namespace json = boost::json;
using std::chrono::system_clock;

constexpr const char* google_tokens_url = "https://oauth2.googleapis.com/token";
// "View and manage your data in Google Cloud Storage", without what changes permissions.
constexpr const char* scope = "https://www.googleapis.com/auth/devstorage.read_write";
/// "The expiration time ... has a maximum of 1 hour after the issued time."
constexpr std::int64_t lifetime_seconds = 3600;

[[noreturn]] void unusable(const std::string& where, const std::string& what) {
  throw failure(
      kind::configuration,
      "Google credentials cannot be used",
      where + " " + what + ".",
      "GOOGLE_APPLICATION_CREDENTIALS must name a service account's key file, or one that `gcloud "
      "auth application-default login` wrote.");
}

std::string needed(const json::object& o, std::string_view name, const std::string& where) {
  std::string text = text_member(o, name);
  if (text.empty()) unusable(where, "lacks \"" + std::string(name) + "\"");
  return text;
}

struct claims {
  system_clock::time_point now;

  std::string operator()(const google_service_account& a) const {
    const std::int64_t issued = system_clock::to_time_t(now);
    json::object header{{"alg", "RS256"}, {"typ", "JWT"}};
    if (!a.key_id.empty()) header["kid"] = a.key_id;
    const json::object payload{
        {"iss", a.email},
        {"scope", scope},
        {"aud", a.token_url},
        {"iat", issued},
        {"exp", issued + lifetime_seconds}};
    return "grant_type=" + http::percent_encode("urn:ietf:params:oauth:grant-type:jwt-bearer") +
           "&assertion=" +
           sign_rs256(json::serialize(header), json::serialize(payload), a.private_key);
  }

  std::string operator()(const google_user& u) const {
    return "grant_type=refresh_token&client_id=" + http::percent_encode(u.client_id) +
           "&client_secret=" + http::percent_encode(u.client_secret.reveal()) +
           "&refresh_token=" + http::percent_encode(u.refresh_token.reveal());
  }
};

[[noreturn]] void no_token(const std::string& from, const std::string& why) {
  throw failure(
      kind::unavailable,
      "a Google access token cannot be read",
      "The answer of " + from + " " + why + ".",
      "Is there a proxy in between that changes answers?");
}

bool is_clean(const std::string& text) {
  return std::ranges::all_of(
      text, [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
}

} // namespace

google_key parse_google_key(std::string_view text, const std::string& where) {
  const std::optional<json::object> found = parse_json_object(text);
  if (!found) unusable(where, "is no JSON document");
  const json::object& o = *found;
  std::string token_url = text_member(o, "token_uri");
  if (token_url.empty()) token_url = google_tokens_url;
  const std::string type = text_member(o, "type");
  if (type == "service_account") {
    google_service_account a;
    a.email = needed(o, "client_email", where);
    a.private_key = wale::secret(needed(o, "private_key", where));
    a.key_id = text_member(o, "private_key_id");
    a.token_url = std::move(token_url);
    return a;
  }
  if (type == "authorized_user") {
    google_user u;
    u.client_id = needed(o, "client_id", where);
    u.client_secret = wale::secret(needed(o, "client_secret", where));
    u.refresh_token = wale::secret(needed(o, "refresh_token", where));
    u.token_url = std::move(token_url);
    return u;
  }
  unusable(where, "is of the type \"" + printable(type) + "\", which wal-e does not know");
}

const std::string& token_url_of(const google_key& key) {
  return std::visit([](const auto& k) -> const std::string& { return k.token_url; }, key);
}

std::string compose_token_request(const google_key& key, system_clock::time_point now) {
  return std::visit(claims{now}, key);
}

google_token
parse_token(std::string_view text, const std::string& from, system_clock::time_point now) {
  const std::optional<json::object> answer = parse_json_object(text);
  if (!answer) no_token(from, "is no JSON document");
  const json::object& o = *answer;
  std::string token = text_member(o, "access_token");
  if (token.empty()) no_token(from, "holds no access_token");
  if (!is_clean(token)) no_token(from, "holds a token with blanks or control characters");
  google_token found;
  found.text = wale::secret(std::move(token));
  const json::value* seconds = o.if_contains("expires_in");
  if (!seconds || !seconds->is_number()) return found;
  boost::system::error_code wrong;
  const auto left = seconds->to_number<std::int64_t>(wrong);
  if (wrong || left < 0) no_token(from, "has an expires_in that is no time");
  found.expiry = now + std::chrono::seconds(std::min<std::int64_t>(left, 7 * 24 * 3600));
  return found;
}

std::string refusal_in(std::string_view text) {
  const std::optional<json::object> answer = parse_json_object(text);
  if (!answer) return {};
  std::string said = printable(text_member(*answer, "error"));
  const std::string more = printable(text_member(*answer, "error_description"));
  if (!more.empty()) said += (said.empty() ? "" : ": ") + more;
  return said;
}

} // namespace wale::store
