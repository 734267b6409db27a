#include "aws_sts.hpp"

#include "answer_fields.hpp"
#include "aws_static.hpp"
#include "iso_time.hpp"
#include "sigv4.hpp"

#include <wale/base/error.hpp>

#include <pugixml.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <unistd.h>

namespace wale::store {
namespace {

using std::chrono::system_clock;

std::string field(std::string_view name, std::string_view value) {
  return "&" + std::string(name) + "=" + http::percent_encode(value);
}

std::string role_fields(const assumed_role& role) {
  const std::string name =
      role.session_name.empty() ? "wal-e-" + std::to_string(::getpid()) : role.session_name;
  std::string form = field("RoleArn", role.arn) + field("RoleSessionName", name) +
                     field("DurationSeconds", std::to_string(role.duration_seconds));
  if (!role.external_id.empty()) form += field("ExternalId", role.external_id);
  return form;
}

http::request form_request(const sts_endpoint& sts, const std::string& form) {
  http::request r;
  r.method = "POST";
  r.target = sts.target;
  r.headers.add("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  r.headers.add("Accept", "application/xml");
  r.body.push_back(http::bytes_of(form));
  return r;
}

struct sts_error {
  std::string code;
  std::string message;
};

sts_error error_in(std::string_view xml) {
  pugi::xml_document doc;
  if (!doc.load_buffer(xml.data(), xml.size())) return {};
  const pugi::xml_node node = doc.document_element().child("Error");
  return {printable(node.child_value("Code")), printable(node.child_value("Message"))};
}

constexpr std::array<std::string_view, 5> passing_codes{
    "IDPCommunicationError", "InternalFailure", "ServiceUnavailable", "SlowDown", "Throttling"};

[[noreturn]] void refuse(const assumed_role& role, const http::reply& answer) {
  const sts_error e = error_in(answer.body);
  const bool later = answer.status >= 500 || answer.status == 408 || answer.status == 429 ||
                     std::ranges::find(passing_codes, e.code) != passing_codes.end();
  throw failure(
      later ? kind::unavailable : kind::configuration,
      "could not assume an AWS role",
      "For the role \"" + role.arn + "\" STS answered with status " +
          std::to_string(answer.status) + " " + e.code +
          (e.message.empty() ? "." : ", \"" + e.message + "\"."),
      later ? "" : "Check the role's name, its trust policy and what asks for it.");
}

// Over by how much STS thinks our clock is wrong; nothing before the first answer.
std::chrono::seconds offset_of(const http::client& client, const http::origin& of) {
  return client.clock_offset(of).value_or(std::chrono::seconds(0));
}

} // namespace

sts_endpoint find_sts(const http::variable_lookup& environment, const std::string& profile_region) {
  sts_endpoint sts;
  sts.region = value_of(environment, "AWS_REGION");
  if (sts.region.empty()) sts.region = value_of(environment, "AWS_DEFAULT_REGION");
  if (sts.region.empty()) sts.region = profile_region;
  if (const std::string text = value_of(environment, "AWS_ENDPOINT_URL_STS"); !text.empty()) {
    const http::url u = http::parse_url(text);
    sts.origin = u.origin;
    sts.target = u.path;
    if (sts.region.empty()) sts.region = "us-east-1";
    return sts;
  }
  std::string host = "sts.amazonaws.com";
  if (!sts.region.empty()) host = "sts." + sts.region + ".amazonaws.com";
  if (sts.region.starts_with("cn-")) host += ".cn";
  for (const char c : host)
    if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.')
      throw failure(
          kind::configuration,
          "Could not resolve host for AWS_REGION",
          "AWS_REGION is set to \"" + printable(sts.region) + "\".");
  if (sts.region.empty()) sts.region = "us-east-1";
  sts.origin = {"https", host, 443};
  return sts;
}

std::string compose_assume_role(const assumed_role& role) {
  return "Action=AssumeRole&Version=2011-06-15" + role_fields(role);
}

std::string compose_web_identity(const assumed_role& role, const std::string& token) {
  return "Action=AssumeRoleWithWebIdentity&Version=2011-06-15" + role_fields(role) +
         field("WebIdentityToken", token);
}

aws_credentials parse_sts_answer(std::string_view xml) {
  pugi::xml_document doc;
  const auto result = doc.load_buffer(xml.data(), xml.size());
  const pugi::xml_node found = doc.document_element().first_child().child("Credentials");
  aws_credentials keys;
  keys.key_id = found.child_value("AccessKeyId");
  keys.secret = wale::secret(found.child_value("SecretAccessKey"));
  keys.session_token = wale::secret(found.child_value("SessionToken"));
  const auto expiry = parse_iso_time(found.child_value("Expiration"));
  if (!result || keys.key_id.empty() || keys.secret.empty() || keys.session_token.empty() ||
      !expiry)
    throw failure(
        kind::unavailable,
        "AWS credentials cannot be read",
        "The answer of STS holds no complete Credentials.",
        "Check AWS_ENDPOINT_URL_STS, and proxies in between.");
  keys.expiry = system_clock::time_point(
      std::chrono::duration_cast<system_clock::duration>(std::chrono::nanoseconds(*expiry)));
  return keys;
}

task<aws_credentials>
assume_role(http::client& client, sts_endpoint sts, assumed_role role, aws_credentials with) {
  const std::string form = compose_assume_role(role);
  sigv4_scope scope;
  scope.region = sts.region;
  scope.service = "sts";
  scope.flavour = sigv4_flavour::generic;
  sigv4_signer signer(scope);
  http::reply answer;
  // Signed once more if the refusal has told that our clock is wrong.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const std::chrono::seconds offset = offset_of(client, sts.origin);
    http::request r = form_request(sts, form);
    signer.sign(r, sts.origin, with, system_clock::now() + offset, payload_hash(r.body));
    answer = co_await client.perform(sts.origin, std::move(r));
    const std::chrono::seconds wrong = offset_of(client, sts.origin) - offset;
    if (answer.status == 200 || std::chrono::abs(wrong) < std::chrono::minutes(1)) break;
  }
  if (answer.status != 200) refuse(role, answer);
  co_return parse_sts_answer(answer.body);
}

task<aws_credentials> assume_role_with_web_identity(
    http::client& client, sts_endpoint sts, assumed_role role, wale::secret token) {
  const std::string form = compose_web_identity(role, token.reveal());
  http::request r = form_request(sts, form);
  const http::reply answer = co_await client.perform(sts.origin, std::move(r));
  if (answer.status != 200) refuse(role, answer);
  co_return parse_sts_answer(answer.body);
}

} // namespace wale::store
