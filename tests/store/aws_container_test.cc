// The credential endpoints of ECS and EKS (AWS SDKs and Tools Reference Guide, "Container
// credential provider").
#include "aws_container.hpp"
#include "aws_fixture.hpp"

using namespace wale;
using namespace wale::store;
using namespace wale::store::test;

namespace {

std::optional<http::url> endpoint(variables set) {
  return container_endpoint(environment(std::move(set)));
}

task<> fetch(io::runtime& rt, http::variable_lookup variables, aws_credentials& into) {
  http::client client(rt, {});
  const auto source = make_container(rt, client, std::move(variables));
  std::exception_ptr error;
  try {
    const auto found = co_await source->fetch();
    if (found) into = *found;
  } catch (...) {
    error = std::current_exception();
  }
  co_await client.close();
  if (error) std::rethrow_exception(error);
}

} // namespace

TEST_CASE("which container endpoint is asked") {
  CHECK_FALSE(endpoint({}));
  const auto ecs = endpoint(
      {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1?x=y"},
       {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "https://other.example.org/"}});
  REQUIRE(ecs);
  CHECK(ecs->origin.text() == "http://169.254.170.2");
  CHECK(ecs->path == "/v2/credentials/1");
  CHECK(ecs->query == "x=y");
  for (const char* allowed :
       {"http://169.254.170.23/v1/credentials",
        "http://169.254.170.2/x",
        "http://[fd00:ec2::23]/v1/credentials",
        "http://127.0.0.1:8080/x",
        "http://127.9.9.9/x",
        "http://[::1]/x",
        "http://localhost/x",
        "https://anywhere.example.org/x"}) {
    INFO(allowed);
    CHECK(endpoint({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", allowed}}));
  }
  for (const char* refused :
       {"http://169.254.170.3/x",
        "http://169.254.169.254/x",
        "http://10.0.0.1/x",
        "http://localhost.example.org/x",
        "http://127.0.0.1.example.org/x",
        "http://[fd00:ec2::24]/x",
        "ftp://127.0.0.1/x",
        "nonsense"}) {
    INFO(refused);
    CHECK(failure_of([&] {
            endpoint({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", refused}});
          }).why() == kind::configuration);
  }
  CHECK_THROWS_AS(
      endpoint({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.example/x"}}), failure);
}

WALE_IO_TEST("credentials of a container, its token read anew from the file") {
  const scratch_dir dir;
  const auto agent = [](const received_request& r) {
    if (r.method != "GET" || r.target != "/v1/credentials") return reply("", 404);
    const std::string token = r.header("Authorization");
    if (token != "token-1" && token != "token-2") return reply("", 401);
    return reply(credentials_json(
        "AKID-" + token, R"(, "Token": "t", "Expiration": "2030-01-01T00:00:00Z")"));
  };
  scripted_peer peer(agent);
  variables set;
  set["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = peer.url() + "/v1/credentials";
  set["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = dir / "token";
  set["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "not this one";
  aws_credentials keys;
  dir.write("token", "token-1\n");
  co_await fetch(rt, environment(set), keys);
  CHECK(keys.key_id == "AKID-token-1");
  dir.write("token", "token-2\n");
  co_await fetch(rt, environment(set), keys);
  CHECK(keys.key_id == "AKID-token-2");

  dir.write("token", "token\r\nX-Injected: 1\n");
  const failure injected = failure_in(co_await error_of(fetch(rt, environment(set), keys)));
  CHECK(injected.why() == kind::configuration);
  CHECK_FALSE(says(injected.text().detail, "Injected"));

  set.erase("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  const failure denied = failure_in(co_await error_of(fetch(rt, environment(set), keys)));
  CHECK(denied.why() == kind::configuration);
  CHECK(says(denied.text().detail, "401"));
  CHECK_FALSE(says(denied.text().detail, "not this one"));
}

WALE_IO_TEST("no proxy is used for the credentials of a container") {
  scripted_peer peer([](const received_request&) { return reply(credentials_json("AKID")); });
  scripted_peer proxy([](const received_request&) { return reply("", 500); });
  http::client_options options;
  options.http_proxy = proxy.url();
  http::client client(rt, options);
  variables set;
  set["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = peer.url() + "/v1/credentials";
  const auto source = make_container(rt, client, environment(set));
  const auto keys = co_await source->fetch();
  co_await client.close();
  REQUIRE(keys);
  CHECK(keys->key_id == "AKID");
  CHECK(proxy.connections() == 0);
}
