#include "aws_container.hpp"

#include "aws_json.hpp"
#include "aws_static.hpp"
#include "small_file.hpp"

#include <wale/base/error.hpp>

#include <arpa/inet.h>
#include <chrono>
#include <utility>

namespace wale::store {
namespace {

constexpr std::chrono::seconds limit{10};

// 127.0.0.0/8, ::1 and localhost; 169.254.170.2 (ECS), 169.254.170.23 and fd00:ec2::23 (EKS).
bool is_local(const std::string& host) {
  if (host == "localhost") return true;
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    const std::uint32_t address = ntohl(v4.s_addr);
    return address >> 24 == 127 || address == 0xa9feaa02 || address == 0xa9feaa17;
  }
  in6_addr v6{};
  in6_addr eks{};
  ::inet_pton(AF_INET6, "fd00:ec2::23", &eks);
  return ::inet_pton(AF_INET6, host.c_str(), &v6) == 1 &&
         (IN6_IS_ADDR_LOOPBACK(&v6) || IN6_ARE_ADDR_EQUAL(&v6, &eks));
}

class container : public credential_provider {
public:
  container(io::runtime& rt, http::client& client, http::variable_lookup environment)
      : runtime_(rt), client_(client), environment_(std::move(environment)) {}

  task<std::optional<aws_credentials>> fetch() override {
    const std::optional<http::url> where = container_endpoint(environment_);
    if (!where) co_return std::nullopt;
    http::request r;
    r.target = where->path;
    if (!where->query.empty()) r.target += "?" + where->query;
    r.headers.add("Accept", "application/json");
    const std::string token = co_await authorization();
    if (!token.empty()) r.headers.add("Authorization", token);

    http::exchange_options how;
    how.direct = true;
    how.limit = limit;
    const http::reply answer =
        co_await client_.perform(where->origin, std::move(r), how, 256 * 1024);
    const std::string name = "the container's credential endpoint " + where->origin.text();
    if (answer.status != 200) refuse(name, answer.status);
    co_return parse_credentials(answer.body, name);
  }

private:
  task<std::string> authorization() {
    const std::string file = value_of(environment_, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (file.empty()) co_return value_of(environment_, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    co_return co_await read_token_file(runtime_, file, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  }

  [[noreturn]] static void refuse(const std::string& name, int status) {
    const bool later = status >= 500 || status == 408 || status == 429;
    throw failure(
        later ? kind::unavailable : kind::configuration,
        "could not get the credentials of the container",
        name + " answered with status " + std::to_string(status) + ".",
        later ? "" : "Check the role of the task or pod, and the authorization token.");
  }

  io::runtime& runtime_;
  http::client& client_;
  http::variable_lookup environment_;
};

} // namespace

std::optional<http::url> container_endpoint(const http::variable_lookup& environment) {
  const std::string relative = value_of(environment, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  if (relative.starts_with('/')) return http::parse_url("http://169.254.170.2" + relative);
  if (!relative.empty())
    throw failure(
        kind::configuration,
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is no path",
        "It must begin with a slash.");
  const std::string full = value_of(environment, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (full.empty()) return std::nullopt;
  http::url u = http::parse_url(full);
  if (!u.origin.secure() && !is_local(u.origin.host))
    throw failure(
        kind::configuration,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI is not safe",
        "With http only this machine and the agents of ECS and EKS are asked for credentials, not "
        "\"" +
            u.origin.host + "\".",
        "Use https.");
  return u;
}

std::unique_ptr<credential_provider>
make_container(io::runtime& rt, http::client& client, http::variable_lookup environment) {
  return std::make_unique<container>(rt, client, std::move(environment));
}

} // namespace wale::store
