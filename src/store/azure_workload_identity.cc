// One POST at the authority: the platform's token for one of Entra's.
#include "azure_token.hpp"
#include "small_file.hpp"

#include <wale/base/error.hpp>

#include <chrono>
#include <utility>

namespace wale::store {
namespace {

constexpr const char* from = "Microsoft Entra ID";

std::string required(const http::variable_lookup& environment, const std::string& name) {
  std::string value = environment(name).value_or("");
  if (value.empty())
    throw failure(
        kind::configuration,
        "Azure workload identity is set up by half",
        "AZURE_FEDERATED_TOKEN_FILE is set, " + name + " is not.",
        "Set the environment variable " + name + ", or unset the other.");
  return value;
}

class workload_identity : public azure_token_source {
public:
  workload_identity(io::runtime& rt, http::client& client, const http::variable_lookup& environment)
      : runtime_(rt), client_(client), file_(required(environment, "AZURE_FEDERATED_TOKEN_FILE")),
        client_id_(required(environment, "AZURE_CLIENT_ID")),
        tenant_(required(environment, "AZURE_TENANT_ID")) {
    std::string host = environment("AZURE_AUTHORITY_HOST").value_or("");
    if (host.empty()) host = "https://login.microsoftonline.com";
    authority_ = http::parse_url(host);
    if (!authority_.origin.secure())
      throw failure(
          kind::configuration,
          "a token would go over the network in the clear",
          "AZURE_AUTHORITY_HOST is an http URL.",
          "Use https.");
    while (authority_.path.ends_with('/'))
      authority_.path.pop_back();
  }

  task<azure_token> fetch() override {
    const std::string assertion =
        co_await read_token_file(runtime_, file_, "AZURE_FEDERATED_TOKEN_FILE");
    const std::string form = form_of(assertion);
    http::request r;
    r.method = "POST";
    r.target = authority_.path + "/" + http::percent_encode(tenant_) + "/oauth2/v2.0/token";
    r.headers.add("Content-Type", "application/x-www-form-urlencoded");
    r.body.push_back(http::bytes_of(form));
    const http::reply answer = co_await client_.perform(authority_.origin, std::move(r));
    if (answer.status != 200) refuse(answer);
    co_return parse_azure_token(answer.body, from, std::chrono::system_clock::now());
  }

private:
  std::string form_of(const std::string& assertion) const {
    const auto field = [](const char* name, const std::string& value) {
      return std::string(name) + "=" + http::percent_encode(value);
    };
    return field("client_id", client_id_) + "&" +
           field("scope", "https://storage.azure.com/.default") + "&" +
           field(
               "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer") +
           "&" + field("client_assertion", assertion) + "&grant_type=client_credentials";
  }

  [[noreturn]] void refuse(const http::reply& answer) const {
    const int s = answer.status;
    const bool later = s >= 500 || s == 408 || s == 429;
    throw failure(
        later ? kind::unavailable : kind::configuration,
        "could not get a token of the workload identity",
        std::string(from) + " at " + authority_.origin.text() + " answered with status " +
            std::to_string(s) + oauth_error(answer.body) + ".",
        later ? ""
              : "Check AZURE_CLIENT_ID, AZURE_TENANT_ID, and the federated credential of "
                "that identity.");
  }

  io::runtime& runtime_;
  http::client& client_;
  std::string file_;
  std::string client_id_;
  std::string tenant_;
  http::url authority_;
};

} // namespace

std::unique_ptr<azure_token_source>
make_workload_identity(io::runtime& rt, http::client& client, http::variable_lookup environment) {
  return std::make_unique<workload_identity>(rt, client, environment);
}

} // namespace wale::store
