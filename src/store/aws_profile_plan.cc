#include "aws_profile_plan.hpp"

#include <wale/base/error.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace wale::store {
namespace {

[[noreturn]] void wrong(const std::string& profile, std::string detail, std::string hint = {}) {
  throw failure(
      kind::configuration,
      "the AWS profile \"" + profile + "\" cannot be used",
      std::move(detail),
      std::move(hint));
}

std::string get(const aws_section& s, const std::string& name) {
  const auto found = s.find(name);
  return found == s.end() ? std::string() : found->second;
}

std::optional<aws_credentials> keys_in(const std::string& profile, const aws_section& s) {
  aws_credentials keys;
  keys.key_id = get(s, "aws_access_key_id");
  keys.secret = wale::secret(get(s, "aws_secret_access_key"));
  if (keys.key_id.empty() && keys.secret.empty()) return std::nullopt;
  if (keys.key_id.empty() || keys.secret.empty())
    wrong(profile, "It has only one of aws_access_key_id and aws_secret_access_key.");
  std::string token = get(s, "aws_session_token");
  if (token.empty()) token = get(s, "aws_security_token");
  keys.session_token = wale::secret(std::move(token));
  return keys;
}

assumed_role role_in(const std::string& profile, const aws_section& s) {
  assumed_role role;
  role.arn = get(s, "role_arn");
  role.session_name = get(s, "role_session_name");
  role.external_id = get(s, "external_id");
  if (const std::string text = get(s, "duration_seconds"); !text.empty()) {
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, role.duration_seconds);
    if (error != std::errc() || at != end || role.duration_seconds <= 0)
      wrong(profile, "Its duration_seconds is no number of seconds.");
  }
  if (!get(s, "mfa_serial").empty())
    wrong(
        profile,
        "It wants a code from a device (mfa_serial), and nobody is there to type it.",
        "Use a role that can be assumed without.");
  return role;
}

profile_plan::base base_named(const std::string& profile, const std::string& name) {
  if (name == "Environment") return profile_plan::base::environment;
  if (name == "Ec2InstanceMetadata") return profile_plan::base::instance;
  if (name == "EcsContainer") return profile_plan::base::container;
  wrong(
      profile,
      "Its credential_source is \"" + name + "\".",
      "It must be Environment, Ec2InstanceMetadata or EcsContainer.");
}

class planner {
public:
  explicit planner(const aws_profiles& profiles) : profiles_(profiles) {}

  // False if the profile says nothing about credentials.
  bool plan(const std::string& name, bool only_keys) {
    const auto found = profiles_.find(name);
    if (found == profiles_.end()) return false;
    const aws_section& s = found->second;
    if (plan_.region.empty()) plan_.region = get(s, "region");
    if (!only_keys && !get(s, "role_arn").empty()) {
      plan_role(name, s);
      return true;
    }
    if (auto keys = keys_in(name, s)) {
      plan_.from = profile_plan::base::keys;
      plan_.keys = std::move(*keys);
      return true;
    }
    if (plan_.process = get(s, "credential_process"); !plan_.process.empty()) {
      plan_.from = profile_plan::base::process;
      return true;
    }
    if (!get(s, "sso_session").empty() || !get(s, "sso_start_url").empty())
      wrong(
          name,
          "It wants a log-in with a browser (SSO), which wal-e cannot do.",
          "Use a role, or let the AWS CLI do it: credential_process = aws configure "
          "export-credentials --profile NAME.");
    return false;
  }

  profile_plan take() {
    // Found from the profile inwards, done from the base outwards.
    std::ranges::reverse(plan_.roles);
    return std::move(plan_);
  }

private:
  void plan_role(const std::string& name, const aws_section& s) {
    const std::string source = get(s, "source_profile");
    const std::string base = get(s, "credential_source");
    const std::string token_file = get(s, "web_identity_token_file");
    const auto given = !source.empty() + !base.empty() + !token_file.empty();
    if (given != 1)
      wrong(
          name,
          "It has a role_arn and " + std::string(given == 0 ? "none" : "more than one") +
              " of source_profile, credential_source and web_identity_token_file.",
          "It must have one, which says what the role is assumed with.");
    if (std::ranges::find(seen_, name) != seen_.end())
      wrong(name, "Its source_profile leads back to itself.");
    seen_.push_back(name);
    if (!token_file.empty()) {
      plan_.from = profile_plan::base::web_identity;
      plan_.token_file = token_file;
      plan_.web_role = role_in(name, s);
      return;
    }
    plan_.roles.push_back(role_in(name, s));
    if (!base.empty())
      plan_.from = base_named(name, base);
    else if (!plan(source, source == name)) // its own source: the keys beside the role
      wrong(name, "Its source_profile \"" + source + "\" has no credentials.");
  }

  const aws_profiles& profiles_;
  profile_plan plan_;
  std::vector<std::string> seen_;
};

} // namespace

std::optional<profile_plan>
plan_profile(const aws_profiles& profiles, const std::string& name, bool must_exist) {
  planner p(profiles);
  if (p.plan(name, false)) return p.take();
  if (must_exist)
    wrong(
        name,
        profiles.contains(name) ? "It has no credentials."
                                : "It is in neither the credentials nor the config file.",
        "Check AWS_PROFILE, AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE.");
  return std::nullopt;
}

} // namespace wale::store
