// Defaults of domains: keystone's own domain has the id `default` (OpenStack Identity API v3,
// "Domains").
#include "swift_login.hpp"

#include <wale/base/error.hpp>

#include <string_view>
#include <utility>

namespace wale::store {
namespace {

class variables {
public:
  explicit variables(const http::variable_lookup& look_up) : look_up_(look_up) {}

  std::string get(const std::string& name) const {
    return look_up_ ? look_up_(name).value_or("") : "";
  }
  /// The first of these that is set.
  std::string first(const std::string& name, const std::string& other) const {
    std::string value = get(name);
    return value.empty() ? get(other) : value;
  }
  std::string require(const std::string& name) const {
    std::string value = get(name);
    if (value.empty()) throw missing(name, "Set the environment variable " + name + ".");
    return value;
  }
  swift_domain domain(const std::string& stem) const {
    return {get(stem + "_ID"), get(stem + "_NAME")};
  }
  static failure missing(const std::string& name, std::string hint) {
    return failure(
        kind::configuration,
        "OpenStack Swift: " + name + " is required but not provided",
        "",
        std::move(hint));
  }

private:
  const http::variable_lookup& look_up_;
};

bool is_set(const swift_domain& d) {
  return !d.id.empty() || !d.name.empty();
}

swift_domain first_set(std::initializer_list<swift_domain> choices) {
  for (const swift_domain& d : choices)
    if (is_set(d)) return d;
  return {"default", ""};
}

// Of `v3` in a URL as of `3` in a variable; 0 for anything else.
int version_in(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  if (text.ends_with(".0")) text.remove_suffix(2);
  if (text == "1") return 1;
  if (text == "2") return 2;
  if (text == "3") return 3;
  return 0;
}

int version_in_path(std::string_view path) {
  const std::string_view last = path.substr(path.rfind('/') + 1);
  return last.starts_with('v') ? version_in(last) : 0;
}

int choose_version(const std::string& asked, int in_url, bool is_application) {
  if (asked.empty()) {
    if (in_url != 0) return in_url;
    return is_application ? 3 : 2;
  }
  const int version = version_in(asked);
  if (version == 0)
    throw failure(
        kind::configuration,
        "SWIFT_AUTH_VERSION has an unknown value",
        "It is \"" + asked + "\".",
        "Use 1, 2 or 3.");
  if (version != 1 && in_url != 0 && in_url != version)
    throw failure(
        kind::configuration,
        "SWIFT_AUTHURL and SWIFT_AUTH_VERSION contradict each other",
        "The URL ends with version " + std::to_string(in_url) + ", the other one says " +
            std::to_string(version) + ".",
        "Unset SWIFT_AUTH_VERSION, or leave the version out of the URL.");
  return version;
}

void read_project(swift_login& login, const variables& v) {
  login.project_id = v.first("SWIFT_PROJECT_ID", "SWIFT_TENANT_ID");
  login.project = v.first("SWIFT_PROJECT_NAME", "SWIFT_TENANT");
  const std::size_t colon = login.user.find(':');
  if (login.project_id.empty() && login.project.empty() && colon != std::string::npos) {
    login.project = login.user.substr(0, colon);
    login.user.erase(0, colon + 1);
  }
  if (login.project_id.empty() && login.project.empty())
    throw variables::missing(
        "SWIFT_TENANT",
        "Set the environment variable SWIFT_TENANT, or SWIFT_PROJECT_NAME, or one of these with "
        "_ID at the end, to the project whose object store it is.");
}

void read_domains(swift_login& login, const variables& v) {
  const swift_domain both = v.domain("SWIFT_DOMAIN");
  const swift_domain of_user = v.domain("SWIFT_USER_DOMAIN");
  const swift_domain of_project = v.domain("SWIFT_PROJECT_DOMAIN");
  login.user_domain = first_set({of_user, both, of_project});
  login.project_domain = first_set({of_project, both, of_user});
}

void read_application_credential(swift_login& login, const variables& v) {
  login.how = swift_login::method::v3_application_credential;
  login.credential_secret = wale::secret(v.require("SWIFT_APPLICATION_CREDENTIAL_SECRET"));
  if (!login.credential_id.empty()) return;
  // A name is one of a user's.
  login.user_id = v.get("SWIFT_USER_ID");
  if (login.user_id.empty()) login.user = v.require("SWIFT_USER");
  read_domains(login, v);
}

std::string endpoint_type(const variables& v) {
  std::string type = v.get("SWIFT_ENDPOINT_TYPE");
  if (type.empty()) return "public";
  const std::string asked = type;
  if (type.ends_with("URL")) type.erase(type.size() - 3);
  if (type == "public" || type == "internal" || type == "admin") return type;
  throw failure(
      kind::configuration,
      "SWIFT_ENDPOINT_TYPE has an unknown value",
      "It is \"" + asked + "\".",
      "Use publicURL, internalURL or adminURL.");
}

} // namespace

swift_login swift_login_from(const http::variable_lookup& variable) {
  const variables v(variable);
  swift_login login;
  const http::url where = http::parse_url(v.require("SWIFT_AUTHURL"));
  login.origin = where.origin;
  login.path = where.path;
  while (login.path.ends_with('/'))
    login.path.pop_back();
  login.credential_id = v.get("SWIFT_APPLICATION_CREDENTIAL_ID");
  login.credential_name = v.get("SWIFT_APPLICATION_CREDENTIAL_NAME");
  const bool is_application = !login.credential_id.empty() || !login.credential_name.empty();

  const int in_url = version_in_path(login.path);
  const int version = choose_version(v.get("SWIFT_AUTH_VERSION"), in_url, is_application);
  if (is_application && version != 3)
    throw failure(
        kind::configuration,
        "application credentials need version 3 of the identity service",
        "SWIFT_APPLICATION_CREDENTIAL_ID or _NAME is set, and the version is " +
            std::to_string(version) + ".",
        "Set SWIFT_AUTH_VERSION to 3.");
  if (version != 1 && in_url == 0) login.path += version == 2 ? "/v2.0" : "/v3";
  login.region = v.get("SWIFT_REGION");
  login.endpoint_type = endpoint_type(v);
  if (is_application) {
    read_application_credential(login, v);
    return login;
  }

  if (version == 3) login.user_id = v.get("SWIFT_USER_ID");
  if (login.user_id.empty()) login.user = v.require("SWIFT_USER");
  login.password = wale::secret(v.require("SWIFT_PASSWORD"));
  if (version == 1) {
    login.how = swift_login::method::v1;
    return login;
  }
  read_project(login, v);
  if (version == 3) {
    login.how = swift_login::method::v3_password;
    read_domains(login, v);
  }
  return login;
}

} // namespace wale::store
