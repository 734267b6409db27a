// The EC2 metadata service, played by a peer that is as strict as the real one: a token first, with
// its lifetime, and the token with every request (EC2 User Guide, "Use IMDS").
#include "aws_fixture.hpp"
#include "aws_instance.hpp"

#include <atomic>

using namespace wale;
using namespace wale::store;
using namespace wale::store::test;

namespace {

answer strict_metadata(const received_request& r) {
  if (r.has_header("X-Forwarded-For")) return reply("", 403);
  if (r.target == "/latest/api/token") {
    if (r.method != "PUT") return reply("", 405);
    const std::string seconds = r.header("X-aws-ec2-metadata-token-ttl-seconds");
    if (seconds.empty() || std::stoi(seconds) < 1 || std::stoi(seconds) > 21600)
      return reply("", 400);
    return reply("the-token==");
  }
  if (r.method != "GET" || r.header("X-aws-ec2-metadata-token") != "the-token==")
    return reply("", 401);
  if (r.target == "/latest/meta-data/iam/security-credentials/") return reply("my role\nother");
  if (r.target == "/latest/meta-data/iam/security-credentials/my%20role")
    return reply(credentials_json(
        "AKID", R"(, "Code": "Success", "Token": "t", "Expiration": "2030-01-01T00:00:00Z")"));
  return reply("", 404);
}

http::variable_lookup at(const scripted_peer& p, variables more = {}) {
  more["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = p.url() + "/";
  return environment(std::move(more));
}

task<std::optional<aws_credentials>>
fetched(io::runtime& rt, http::variable_lookup variables, instance_need need) {
  http::client client(rt, {});
  const auto source = make_instance(client, std::move(variables), need);
  std::optional<aws_credentials> found;
  std::exception_ptr error;
  try {
    found = co_await source->fetch();
  } catch (...) {
    error = std::current_exception();
  }
  co_await client.close();
  if (error) std::rethrow_exception(error);
  co_return found;
}

task<> fetch_required(io::runtime& rt, http::variable_lookup variables) {
  co_await fetched(rt, std::move(variables), instance_need::required);
}

} // namespace

WALE_IO_TEST("the role of an instance by version 2") {
  scripted_peer peer(strict_metadata);
  const auto keys = co_await fetched(rt, at(peer), instance_need::required);
  REQUIRE(keys);
  CHECK(keys->key_id == "AKID");
  CHECK(keys->session_token.reveal() == "t");
  CHECK(keys->expiry);
  CHECK(peer.requests().size() == 3);
}

WALE_IO_TEST("version 1 is spoken only on request") {
  const auto old = [](const received_request& r) {
    if (r.method != "GET") return reply("", 405);
    if (r.target.ends_with('/')) return reply("role");
    return reply(credentials_json("OLD"));
  };
  scripted_peer peer(old);
  const failure f = failure_in(co_await error_of(fetch_required(rt, at(peer))));
  CHECK(f.text().msg == "Could not retrieve secret key from instance profile.");
  CHECK(says(f.text().detail, "405"));
  CHECK(peer.requests().size() == 1);
  variables asked;
  asked["WALE_IMDS_V1"] = "1";
  const auto keys = co_await fetched(rt, at(peer, asked), instance_need::required);
  REQUIRE(keys);
  CHECK(keys->key_id == "OLD");
}

WALE_IO_TEST("an instance without a role") {
  const auto no_role = [](const received_request& r) {
    return r.method == "PUT" ? reply("t") : reply("", 404);
  };
  scripted_peer peer(no_role);
  const auto none = co_await fetched(rt, at(peer), instance_need::if_there_is_one);
  CHECK_FALSE(none);
  const failure f = failure_in(co_await error_of(fetch_required(rt, at(peer))));
  CHECK(f.why() == kind::configuration);
  CHECK(f.text().msg == "Could not retrieve secret key from instance profile.");
}

WALE_IO_TEST("where nothing answers there is no instance") {
  std::string url;
  {
    scripted_peer gone(strict_metadata);
    url = gone.url();
  }
  variables set;
  set["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = url;
  const auto none = co_await fetched(rt, environment(set), instance_need::if_there_is_one);
  CHECK_FALSE(none);
  const failure f = failure_in(co_await error_of(fetch_required(rt, environment(set))));
  CHECK(f.why() == kind::unavailable);
  CHECK(f.text().msg == "Could not retrieve secret key from instance profile.");
}

WALE_IO_TEST("a metadata service that is switched off is not asked") {
  scripted_peer peer(strict_metadata);
  variables off;
  off["AWS_EC2_METADATA_DISABLED"] = "True";
  const auto none = co_await fetched(rt, at(peer, off), instance_need::if_there_is_one);
  CHECK_FALSE(none);
  const failure f = failure_in(co_await error_of(fetch_required(rt, at(peer, off))));
  CHECK(f.why() == kind::configuration);
  CHECK(peer.requests().empty());
}

WALE_IO_TEST("a metadata service that is busy may be asked again later") {
  const auto busy = [](const received_request& r) {
    return r.method == "PUT" ? reply("t") : reply("", 503);
  };
  scripted_peer peer(busy);
  const failure f = failure_in(co_await error_of(fetch_required(rt, at(peer))));
  CHECK(f.why() == kind::unavailable);
  CHECK(says(f.text().detail, "503"));
}

WALE_IO_TEST("no proxy is used for metadata") {
  scripted_peer peer(strict_metadata);
  scripted_peer proxy([](const received_request&) { return reply("", 500); });
  http::client_options options;
  options.http_proxy = proxy.url();
  http::client client(rt, options);
  const auto source = make_instance(client, at(peer), instance_need::required);
  const auto keys = co_await source->fetch();
  co_await client.close();
  CHECK(keys);
  CHECK(proxy.connections() == 0);
}
