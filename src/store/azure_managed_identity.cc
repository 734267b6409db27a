// One GET at the metadata service of the machine.
#include "azure_token.hpp"
#include "metadata_service.hpp"

#include <wale/base/error.hpp>

#include <chrono>
#include <utility>

namespace wale::store {
namespace {

constexpr std::chrono::milliseconds limit{10'000};

constexpr const char* from = "the metadata service of Azure";
constexpr const char* resource = "https://storage.azure.com/";

class managed_identity : public azure_token_source {
public:
  managed_identity(http::client& client, http::variable_lookup environment)
      : client_(client), environment_(std::move(environment)) {}

  task<azure_token> fetch() override {
    const http::url where = endpoint();
    http::request r;
    r.target = where.path + "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" +
               http::percent_encode(resource);
    if (const std::string id = environment_("AZURE_CLIENT_ID").value_or(""); !id.empty())
      r.target += "&client_id=" + http::percent_encode(id);
    // What a browser or a server that forwards URLs cannot be made to send.
    r.headers.add("Metadata", "true");
    const metadata_answer answer =
        co_await ask_metadata(client_, where.origin, std::move(r), limit);
    if (!answer.reply) throw refusal(kind::unavailable, answer.silence);
    if (answer.reply->status != 200) throw refused(where.origin, *answer.reply);
    co_return parse_azure_token(answer.reply->body, from, std::chrono::system_clock::now());
  }

private:
  http::url endpoint() const {
    std::string text = environment_("AZURE_POD_IDENTITY_AUTHORITY_HOST").value_or("");
    if (text.empty()) text = "http://169.254.169.254";
    return metadata_url(text);
  }

  static failure refusal(kind why, std::string detail) {
    return {
        why,
        "could not get a token of the managed identity",
        std::move(detail),
        "Give the machine an identity with the role \"Storage Blob Data Contributor\" on the "
        "container; with more than one, choose by AZURE_CLIENT_ID."};
  }

  // 410 while the service is being renewed, 404 and 429 ask to come again later (the same
  // document, "Retry guidance").
  static failure refused(const http::origin& at, const http::reply& answer) {
    const int s = answer.status;
    const bool later = s >= 500 || s == 404 || s == 408 || s == 410 || s == 429;
    return refusal(
        later ? kind::unavailable : kind::configuration,
        std::string(from) + " at " + at.text() + " answered with status " + std::to_string(s) +
            oauth_error(answer.body) + ".");
  }

  http::client& client_;
  http::variable_lookup environment_;
};

} // namespace

std::unique_ptr<azure_token_source>
make_managed_identity(http::client& client, http::variable_lookup environment) {
  return std::make_unique<managed_identity>(client, std::move(environment));
}

} // namespace wale::store
