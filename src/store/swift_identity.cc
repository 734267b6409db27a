#include "swift_identity.hpp"

#include "answer_fields.hpp"
#include "bucket.hpp"
#include "json_fields.hpp"

#include <wale/base/error.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <set>
#include <utility>

namespace wale::store {
namespace {

namespace json = boost::json;
using method = swift_login::method;

constexpr const char* signing_in = "could not sign in to OpenStack";

json::object of_domain(const swift_domain& d) {
  if (!d.id.empty()) return {{"id", d.id}};
  return {{"name", d.name}};
}

json::object of_user(const swift_login& login) {
  if (!login.user_id.empty()) return {{"id", login.user_id}};
  return {{"name", login.user}, {"domain", of_domain(login.user_domain)}};
}

json::object of_project(const swift_login& login) {
  if (!login.project_id.empty()) return {{"id", login.project_id}};
  return {{"name", login.project}, {"domain", of_domain(login.project_domain)}};
}

json::object password_v2(const swift_login& login) {
  json::object auth{
      {"passwordCredentials", {{"username", login.user}, {"password", login.password.reveal()}}}};
  if (!login.project_id.empty())
    auth["tenantId"] = login.project_id;
  else
    auth["tenantName"] = login.project;
  return auth;
}

json::object password_v3(const swift_login& login) {
  json::object user = of_user(login);
  user["password"] = login.password.reveal();
  json::object identity{
      {"methods", json::array{"password"}}, {"password", {{"user", std::move(user)}}}};
  return {{"identity", std::move(identity)}, {"scope", {{"project", of_project(login)}}}};
}

// It has a project of its own.
json::object application_credential(const swift_login& login) {
  json::object credential{{"secret", login.credential_secret.reveal()}};
  if (!login.credential_id.empty()) {
    credential["id"] = login.credential_id;
  } else {
    credential["name"] = login.credential_name;
    credential["user"] = of_user(login);
  }
  json::object identity{
      {"methods", json::array{"application_credential"}},
      {"application_credential", std::move(credential)}};
  return {{"identity", std::move(identity)}};
}

std::string server_of(const swift_login& login) {
  return "The identity service " + login.origin.text() + login.path;
}

request_failure unreadable(const swift_login& login, const std::string& what) {
  failure f(
      kind::unavailable,
      signing_in,
      server_of(login) + " answered, but " + what + ".",
      "Check SWIFT_AUTHURL and SWIFT_AUTH_VERSION, and proxies in between.");
  return request_failure(std::move(f), request_failure::repeat::later);
}

const json::object& object_at(const json::object& in, std::string_view name) {
  static const json::object nothing;
  const json::value* v = in.if_contains(name);
  return v && v->is_object() ? v->get_object() : nothing;
}

const json::array& array_at(const json::object& in, std::string_view name) {
  static const json::array nothing;
  const json::value* v = in.if_contains(name);
  return v && v->is_array() ? v->get_array() : nothing;
}

bool holds_secret(const swift_login& login, const std::string& text) {
  for (const wale::secret* s : {&login.password, &login.credential_secret})
    if (!s->empty() && text.find(s->reveal()) != std::string::npos) return true;
  return false;
}

// The message of keystone's error document, unless it repeats what we sent.
std::string explanation_in(const swift_login& login, std::string_view body) {
  const auto answer = parse_json_object(body);
  if (!answer) return "";
  const std::string text = text_member(object_at(*answer, "error"), "message");
  return text.empty() || holds_secret(login, text) ? "" : ", \"" + printable(text) + "\"";
}

[[noreturn]] void
refuse(const swift_login& login, const http::response& head, std::string_view body) {
  const int status = head.status;
  const bool later =
      status == 408 || status == 429 || status == 498 || (status >= 500 && status != 501);
  std::string hint;
  if (status == 401)
    hint = "Check SWIFT_USER, SWIFT_PASSWORD and SWIFT_TENANT (with version 3 also the domains, "
           "or the application credential).";
  else if (status == 403)
    hint = "The user may not sign in there, or has no role in the project.";
  else if (!later)
    hint = "Check that SWIFT_AUTHURL is an identity service of the version that SWIFT_AUTH_VERSION "
           "says (1, 2 or 3; 2 if neither says one).";
  failure f(
      later ? kind::unavailable : kind::configuration,
      signing_in,
      server_of(login) + " answered with status " + std::to_string(status) +
          explanation_in(login, body) + ".",
      std::move(hint));
  using repeat = request_failure::repeat;
  throw request_failure(
      std::move(f), later ? repeat::later : repeat::never, {}, retry_after(head.headers));
}

// A token goes into a header, where a line break would begin another one.
wale::secret clean_token(const swift_login& login, std::string text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f)
      throw unreadable(login, "its token holds blanks or control characters");
  if (text.empty()) throw unreadable(login, "gave no token");
  return wale::secret(std::move(text));
}

swift_access access_of(const swift_login& login, std::string token, const std::string& url) {
  if (url.empty()) throw unreadable(login, "told no storage URL");
  http::url where;
  try {
    where = http::parse_url(url);
  } catch (const failure&) {
    throw unreadable(login, "its storage URL is no http or https URL");
  }
  swift_access access{clean_token(login, std::move(token)), where.origin, where.path};
  while (access.path.ends_with('/'))
    access.path.pop_back();
  return access;
}

failure not_in_catalogue(const swift_login& login, const std::set<std::string>& regions) {
  std::string seen;
  for (const std::string& r : regions)
    seen += (seen.empty() ? "\"" : ", \"") + printable(r) + "\"";
  const bool none = regions.empty();
  return failure(
      kind::configuration,
      "the service catalogue has no such object store",
      server_of(login) + " signed us in; of type object-store and interface \"" +
          login.endpoint_type + "\" its catalogue has " +
          (none ? "no endpoint." : "endpoints in " + seen + ", not in \"" + login.region + "\"."),
      none ? "Check SWIFT_ENDPOINT_TYPE, and that the project (SWIFT_TENANT) has an object store."
           : "Check SWIFT_REGION.");
}

// Endpoints as both versions have them in their own words.
struct endpoint {
  std::set<std::string> regions;
  std::string url;
};

std::string choose(const swift_login& login, const std::vector<endpoint>& endpoints) {
  std::set<std::string> seen;
  for (const endpoint& e : endpoints) {
    if (login.region.empty() || e.regions.contains(login.region)) return e.url;
    seen.insert(e.regions.begin(), e.regions.end());
  }
  throw not_in_catalogue(login, seen);
}

std::vector<endpoint> endpoints_v2(const swift_login& login, const json::object& access) {
  std::vector<endpoint> found;
  for (const json::value& service : array_at(access, "serviceCatalog")) {
    if (!service.is_object() || text_member(service.get_object(), "type") != "object-store")
      continue;
    for (const json::value& e : array_at(service.get_object(), "endpoints")) {
      if (!e.is_object()) continue;
      std::string url = text_member(e.get_object(), login.endpoint_type + "URL");
      if (!url.empty()) found.push_back({{text_member(e.get_object(), "region")}, std::move(url)});
    }
  }
  return found;
}

std::vector<endpoint> endpoints_v3(const swift_login& login, const json::object& token) {
  std::vector<endpoint> found;
  for (const json::value& service : array_at(token, "catalog")) {
    if (!service.is_object() || text_member(service.get_object(), "type") != "object-store")
      continue;
    for (const json::value& e : array_at(service.get_object(), "endpoints")) {
      if (!e.is_object()) continue;
      const json::object& o = e.get_object();
      if (text_member(o, "interface") != login.endpoint_type) continue;
      std::set<std::string> regions{text_member(o, "region"), text_member(o, "region_id")};
      regions.erase("");
      found.push_back({std::move(regions), text_member(o, "url")});
    }
  }
  return found;
}

} // namespace

std::string compose_login(const swift_login& login) {
  switch (login.how) {
  case method::v2_password:
    return json::serialize(json::object{{"auth", password_v2(login)}});
  case method::v3_password:
    return json::serialize(json::object{{"auth", password_v3(login)}});
  case method::v3_application_credential:
    return json::serialize(json::object{{"auth", application_credential(login)}});
  case method::v1:
    break;
  }
  return {};
}

http::request login_request(const swift_login& login, const std::string& body) {
  http::request r;
  r.headers.add("Accept", "application/json");
  if (login.how == method::v1) {
    r.target = login.path.empty() ? "/" : login.path;
    r.headers.add("X-Auth-User", login.user);
    r.headers.add("X-Auth-Key", login.password.reveal());
    return r;
  }
  r.method = "POST";
  r.target = login.path + (login.how == method::v2_password ? "/tokens" : "/auth/tokens");
  r.headers.add("Content-Type", "application/json");
  r.body.push_back(http::bytes_of(body));
  return r;
}

swift_access
parse_login(const swift_login& login, const http::response& head, std::string_view body) {
  if (head.status < 200 || head.status >= 300) refuse(login, head, body);
  if (login.how == method::v1)
    return access_of(login, head.headers.get("X-Auth-Token"), head.headers.get("X-Storage-Url"));
  const auto answer = parse_json_object(body);
  if (!answer) throw unreadable(login, "with no JSON object");
  const bool is_v2 = login.how == method::v2_password;
  const json::object& inner = object_at(*answer, is_v2 ? "access" : "token");
  if (inner.empty()) throw unreadable(login, "the answer is not that of this version");
  std::string token =
      is_v2 ? text_member(object_at(inner, "token"), "id") : head.headers.get("X-Subject-Token");
  const std::string url =
      choose(login, is_v2 ? endpoints_v2(login, inner) : endpoints_v3(login, inner));
  return access_of(login, std::move(token), url);
}

} // namespace wale::store
