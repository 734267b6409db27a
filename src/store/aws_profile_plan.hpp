#pragma once
// How a profile of the AWS files leads to credentials. Pure.

#include "aws_ini.hpp"
#include "aws_keys.hpp"
#include "aws_sts.hpp"

#include <optional>
#include <string>
#include <vector>

namespace wale::store {

/// First the base, then the roles, each assumed with the credentials before.
struct profile_plan {
  enum class base { keys, process, web_identity, environment, instance, container };
  base from = base::keys;
  aws_credentials keys = {};   ///< base::keys
  std::string process = {};    ///< base::process: the command line
  std::string token_file = {}; ///< base::web_identity
  assumed_role web_role = {};  ///< base::web_identity
  std::vector<assumed_role> roles = {};
  std::string region = {}; ///< of the profile, for STS
};

/// nullopt if there is no such profile, or it says nothing about credentials, and `must_exist` is
/// false. Throws kind::configuration for what contradicts itself, goes in a circle, or cannot be
/// done without a person (MFA, SSO).
std::optional<profile_plan>
plan_profile(const aws_profiles& profiles, const std::string& name, bool must_exist);

} // namespace wale::store
