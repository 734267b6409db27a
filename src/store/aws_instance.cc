#include "aws_instance.hpp"

#include "aws_json.hpp"
#include "aws_static.hpp"
#include "metadata_service.hpp"

#include <wale/base/ascii.hpp>
#include <wale/base/error.hpp>

#include <chrono>
#include <string>
#include <utility>

namespace wale::store {
namespace {

// Twice, because a service that is there is never slow twice.
constexpr std::chrono::milliseconds limit{3'000};
constexpr int attempts = 2;

// EC2 User Guide, "Use IMDS": at most six hours.
constexpr const char* token_seconds = "21600";
constexpr const char* role_path = "/latest/meta-data/iam/security-credentials/";

std::string first_line(const std::string& text) {
  std::string line = text.substr(0, text.find_first_of("\r\n"));
  while (!line.empty() && line.back() == ' ')
    line.pop_back();
  return line;
}

bool is_true(std::string_view value) {
  return value == "1" || lower_case(value) == "true";
}

class instance : public credential_provider {
public:
  instance(http::client& client, http::variable_lookup environment, instance_need need)
      : client_(client), environment_(std::move(environment)), need_(need) {}

  task<std::optional<aws_credentials>> fetch() override {
    if (is_true(value_of(environment_, "AWS_EC2_METADATA_DISABLED"))) {
      if (need_ == instance_need::required)
        throw refusal(kind::configuration, "AWS_EC2_METADATA_DISABLED is set.");
      co_return std::nullopt;
    }
    where_ = endpoint();
    const std::optional<wale::secret> token = co_await session_token();
    if (!token) co_return std::nullopt;

    const http::reply roles = co_await ask(role_path, *token);
    const std::string role = roles.status == 200 ? first_line(roles.body) : "";
    if (roles.status == 404 || (roles.status == 200 && role.empty())) {
      if (need_ == instance_need::required || was_there_)
        throw refusal(kind::configuration, "No role is attached to the instance.");
      co_return std::nullopt;
    }
    if (roles.status != 200) throw unexpected(roles.status);
    const http::reply keys = co_await ask(role_path + http::percent_encode(role), *token);
    if (keys.status != 200) throw unexpected(keys.status);
    aws_credentials found = parse_credentials(keys.body, "the instance metadata service");
    was_there_ = true;
    co_return found;
  }

private:
  http::url endpoint() const {
    std::string text = value_of(environment_, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const std::string mode = value_of(environment_, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    if (text.empty()) {
      const bool v6 = mode == "IPv6" || mode == "ipv6";
      text = v6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
    }
    return metadata_url(text);
  }

  static failure refusal(kind why, std::string detail) {
    return {
        why,
        "Could not retrieve secret key from instance profile.",
        std::move(detail),
        "Attach a role to the instance. From inside a container the metadata service answers only "
        "if its hop limit is 2 or more."};
  }

  // The service throttles with 503 and, for a moment after the start of an instance, knows nothing.
  failure unexpected(int status) const {
    const bool later = status >= 500 || status == 408 || status == 429;
    return refusal(
        later ? kind::unavailable : kind::configuration,
        "The instance metadata service at " + where_.origin.text() + " answered with status " +
            std::to_string(status) + ".");
  }

  // Empty for version 1; nullopt if nothing is there and nothing has to be.
  task<std::optional<wale::secret>> session_token() {
    metadata_answer answer;
    for (int n = 0; n < attempts && !answer.reply; ++n) {
      http::request r;
      r.method = "PUT";
      r.target = where_.path + "/latest/api/token";
      r.headers.add("X-aws-ec2-metadata-token-ttl-seconds", token_seconds);
      answer = co_await ask_metadata(client_, where_.origin, std::move(r), limit);
    }
    const bool old_allowed = value_of(environment_, "WALE_IMDS_V1") == "1";
    if (!answer.reply) {
      if (old_allowed) co_return wale::secret();
      if (need_ == instance_need::required || was_there_)
        throw refusal(kind::unavailable, answer.silence);
      co_return std::nullopt;
    }
    if (answer.reply->status == 200) co_return wale::secret(first_line(answer.reply->body));
    if (old_allowed) co_return wale::secret();
    throw unexpected(answer.reply->status);
  }

  task<http::reply> ask(std::string path, wale::secret token) {
    http::request r;
    r.target = where_.path + path;
    if (!token.empty()) r.headers.add("X-aws-ec2-metadata-token", token.reveal());
    metadata_answer answer = co_await ask_metadata(client_, where_.origin, std::move(r), limit);
    if (!answer.reply) throw refusal(kind::unavailable, answer.silence);
    co_return std::move(*answer.reply);
  }

  http::client& client_;
  http::variable_lookup environment_;
  instance_need need_;
  http::url where_;
  bool was_there_ = false;
};

} // namespace

std::unique_ptr<credential_provider>
make_instance(http::client& client, http::variable_lookup environment, instance_need need) {
  return std::make_unique<instance>(client, std::move(environment), need);
}

} // namespace wale::store
