// Tokens of a machine's and of a workload's identity, from peers that are as strict as the real
// services. Sources are named in azure_token.hpp.
#include "aws_fixture.hpp"
#include "azure_token.hpp"
#include "support/test_certificates.hpp"

#include <algorithm>

using namespace wale;
using namespace wale::store;
using namespace wale::store::test;

namespace {

// The sample response of the document, shortened.
constexpr const char* sample =
    R"({"access_token": "eyJ0eXAi", "refresh_token": "", "expires_in": "3599",
        "expires_on": "1506484173", "not_before": "1506480273",
        "resource": "https://storage.azure.com/", "token_type": "Bearer"})";

answer metadata(const received_request& r) {
  const std::string want = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource="
                           "https%3A%2F%2Fstorage.azure.com%2F";
  if (r.header("Metadata") != "true" || r.has_header("X-Forwarded-For")) return reply("", 400);
  if (r.target == want) return reply(sample);
  if (r.target == want + "&client_id=the%20id")
    return reply(R"({"access_token": "other", "expires_in": "60"})");
  if (r.target.starts_with(want))
    return reply(R"({"error":"invalid_request","error_description":"Identity not found"})", 400);
  return reply("", 404);
}

task<azure_token> fetched(io::runtime& rt, http::variable_lookup variables, bool workload) {
  http::client client(rt, http::options_from(variables));
  const auto source = workload ? make_workload_identity(rt, client, variables)
                               : make_managed_identity(client, variables);
  std::optional<azure_token> found;
  std::exception_ptr error;
  try {
    found = co_await source->fetch();
  } catch (...) {
    error = std::current_exception();
  }
  co_await client.close();
  if (error) std::rethrow_exception(error);
  co_return std::move(*found);
}

task<> fetch(io::runtime& rt, http::variable_lookup variables, bool workload) {
  co_await fetched(rt, std::move(variables), workload);
}

http::variable_lookup machine(const scripted_peer& p, variables more = {}) {
  more["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = p.url() + "/";
  more["HTTP_PROXY"] = more["http_proxy"] = "http://127.0.0.1:1"; // never used for metadata
  return environment(std::move(more));
}

} // namespace

WALE_IO_TEST("the token of a machine's identity") {
  scripted_peer peer(metadata);
  const azure_token t = co_await fetched(rt, machine(peer), false);
  CHECK(t.bearer.reveal() == "eyJ0eXAi");
  CHECK(t.expiry);
  variables chosen;
  chosen["AZURE_CLIENT_ID"] = "the id";
  const azure_token other = co_await fetched(rt, machine(peer, chosen), false);
  CHECK(other.bearer.reveal() == "other");
}

WALE_IO_TEST("a machine without that identity") {
  scripted_peer peer(metadata);
  variables unknown;
  unknown["AZURE_CLIENT_ID"] = "unknown";
  const failure f = failure_in(co_await error_of(fetch(rt, machine(peer, unknown), false)));
  CHECK(f.why() == kind::configuration);
  CHECK(says(f.text().detail, "Identity not found"));
}

WALE_IO_TEST("a metadata service that is busy") {
  const auto busy = [](const received_request&) { return reply("", 429); };
  scripted_peer peer(busy);
  const failure f = failure_in(co_await error_of(fetch(rt, machine(peer), false)));
  CHECK(f.why() == kind::unavailable);
}

WALE_IO_TEST("the token of a workload's identity") {
  const auto authority = [](const received_request& r) {
    const bool right =
        r.method == "POST" && r.target == "/the-tenant/oauth2/v2.0/token" &&
        r.header("Content-Type") == "application/x-www-form-urlencoded" &&
        r.body == "client_id=the-client&scope=https%3A%2F%2Fstorage.azure.com%2F.default&"
                  "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-"
                  "bearer&client_assertion=platform.token&grant_type=client_credentials";
    if (!right)
      return reply(R"({"error":"invalid_client","error_description":"AADSTS700016: x"})", 400);
    return reply(R"({"token_type":"Bearer","expires_in":3599,"access_token":"entra"})");
  };
  wale::test::peer_options tls;
  tls.tls = true;
  scripted_peer peer(authority, tls);
  scratch_dir dir;
  dir.write("token", "platform.token\n");
  variables all;
  all["AZURE_FEDERATED_TOKEN_FILE"] = dir / "token";
  all["AZURE_CLIENT_ID"] = "the-client";
  all["AZURE_TENANT_ID"] = "the-tenant";
  all["AZURE_AUTHORITY_HOST"] = peer.url() + "/";
  all["WALE_CA_FILE"] = wale::test::ca_file();
  const azure_token t = co_await fetched(rt, environment(all), true);
  CHECK(t.bearer.reveal() == "entra");

  dir.write("token", "another.token\n");
  const failure f = failure_in(co_await error_of(fetch(rt, environment(all), true)));
  CHECK(f.why() == kind::configuration);
  CHECK(says(f.text().detail, "AADSTS700016"));
  CHECK_FALSE(says(f.text().detail, "another.token"));

  all["AZURE_AUTHORITY_HOST"] = "http://127.0.0.1:1";
  const failure clear = failure_in(co_await error_of(fetch(rt, environment(all), true)));
  CHECK(clear.why() == kind::configuration);
}
