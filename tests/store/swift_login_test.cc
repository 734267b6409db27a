// The meaning of the variables is WAL-E's, and so python-swiftclient's.
#include "swift_login.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <map>

using namespace wale;
using namespace wale::store;
using method = swift_login::method;

namespace {

using variables = std::map<std::string, std::string>;

swift_login login_of(variables more) {
  variables all{
      {"SWIFT_AUTHURL", "http://keystone:5000"}, {"SWIFT_USER", "u"}, {"SWIFT_PASSWORD", "p"}};
  for (const auto& [name, value] : more)
    all[name] = value;
  return swift_login_from([&](const std::string& name) -> std::optional<std::string> {
    const auto found = all.find(name);
    if (found == all.end() || found->second.empty()) return std::nullopt;
    return found->second;
  });
}

std::string refused(variables more) {
  try {
    login_of(std::move(more));
  } catch (const failure& f) {
    CHECK(f.why() == kind::configuration);
    CHECK_FALSE(f.text().hint.empty());
    return f.text().msg + f.text().hint;
  }
  return "";
}

} // namespace

TEST_CASE("the version is the variable's, else the URL's, else 2") {
  const variables t{{"SWIFT_TENANT", "t"}};
  const auto with = [&](variables more) {
    more.insert(t.begin(), t.end());
    return login_of(more);
  };
  CHECK(with({}).how == method::v2_password);
  CHECK(with({}).path == "/v2.0");
  CHECK(with({{"SWIFT_AUTHURL", "https://k/identity/v2.0/"}}).path == "/identity/v2.0");
  CHECK(with({{"SWIFT_AUTHURL", "https://k/identity/v3"}}).how == method::v3_password);
  CHECK(with({{"SWIFT_AUTH_VERSION", "3"}}).path == "/v3");
  CHECK(with({{"SWIFT_AUTH_VERSION", "2.0"}}).how == method::v2_password);
  CHECK(
      with({{"SWIFT_AUTH_VERSION", "1"}, {"SWIFT_AUTHURL", "http://s/auth/v1.0"}}).path ==
      "/auth/v1.0");
  CHECK(with({{"SWIFT_AUTHURL", "http://s/auth/v1.0"}}).how == method::v1);
  CHECK_FALSE(refused({{"SWIFT_AUTH_VERSION", "4"}}).empty());
  CHECK_FALSE(refused({{"SWIFT_AUTH_VERSION", "2"}, {"SWIFT_AUTHURL", "http://k/v3"}}).empty());
}

TEST_CASE("what is missing is named") {
  CHECK(refused({{"SWIFT_AUTHURL", ""}}).find("SWIFT_AUTHURL") != std::string::npos);
  CHECK(refused({{"SWIFT_USER", ""}}).find("SWIFT_USER") != std::string::npos);
  CHECK(refused({{"SWIFT_PASSWORD", ""}}).find("SWIFT_PASSWORD") != std::string::npos);
  CHECK(refused({}).find("SWIFT_TENANT") != std::string::npos);
  CHECK(refused({{"SWIFT_AUTH_VERSION", "3"}}).find("SWIFT_TENANT") != std::string::npos);
  CHECK_FALSE(refused({{"SWIFT_TENANT", "t"}, {"SWIFT_ENDPOINT_TYPE", "x"}}).empty());
}

TEST_CASE("a tenant may be one blank, or stand in front of the user") {
  CHECK(login_of({{"SWIFT_TENANT", " "}}).project == " ");
  const swift_login l = login_of({{"SWIFT_USER", "t:u"}});
  CHECK(l.project == "t");
  CHECK(l.user == "u");
  CHECK(login_of({{"SWIFT_USER", "t:u"}, {"SWIFT_AUTH_VERSION", "1"}}).user == "t:u");
}

TEST_CASE("project variables come before tenant variables") {
  const swift_login l = login_of(
      {{"SWIFT_AUTH_VERSION", "3"},
       {"SWIFT_TENANT", "t"},
       {"SWIFT_PROJECT_NAME", "n"},
       {"SWIFT_TENANT_ID", "i"}});
  CHECK(l.project == "n");
  CHECK(l.project_id == "i");
}

TEST_CASE("domains: the own one, the common one, the other's, keystone's own") {
  variables v{{"SWIFT_AUTH_VERSION", "3"}, {"SWIFT_TENANT", "t"}};
  CHECK(login_of(v).user_domain.id == "default");
  CHECK(login_of(v).project_domain.id == "default");
  v["SWIFT_USER_DOMAIN_NAME"] = "ud";
  CHECK(login_of(v).user_domain.name == "ud");
  CHECK(login_of(v).project_domain.name == "ud");
  v["SWIFT_DOMAIN_ID"] = "d";
  CHECK(login_of(v).user_domain.name == "ud");
  CHECK(login_of(v).project_domain.id == "d");
  v["SWIFT_PROJECT_DOMAIN_ID"] = "pd";
  CHECK(login_of(v).project_domain.id == "pd");
}

TEST_CASE("interfaces are taken in both ways of writing") {
  CHECK(login_of({{"SWIFT_TENANT", "t"}}).endpoint_type == "public");
  CHECK(
      login_of({{"SWIFT_TENANT", "t"}, {"SWIFT_ENDPOINT_TYPE", "internalURL"}}).endpoint_type ==
      "internal");
  CHECK(
      login_of({{"SWIFT_TENANT", "t"}, {"SWIFT_ENDPOINT_TYPE", "admin"}}).endpoint_type == "admin");
}

TEST_CASE("an application credential needs neither user nor project") {
  const variables v{
      {"SWIFT_USER", ""},
      {"SWIFT_PASSWORD", ""},
      {"SWIFT_APPLICATION_CREDENTIAL_ID", "id"},
      {"SWIFT_APPLICATION_CREDENTIAL_SECRET", "s"}};
  const swift_login l = login_of(v);
  CHECK(l.how == method::v3_application_credential);
  CHECK(l.path == "/v3");
  variables other = v;
  other["SWIFT_AUTH_VERSION"] = "2";
  CHECK(refused(other).find("SWIFT_AUTH_VERSION") != std::string::npos);
  other = v;
  other["SWIFT_APPLICATION_CREDENTIAL_SECRET"] = "";
  CHECK(refused(other).find("SWIFT_APPLICATION_CREDENTIAL_SECRET") != std::string::npos);
  other = v;
  other["SWIFT_APPLICATION_CREDENTIAL_ID"] = "";
  other["SWIFT_APPLICATION_CREDENTIAL_NAME"] = "n";
  CHECK(refused(other).find("SWIFT_USER") != std::string::npos);
}
