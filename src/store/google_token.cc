#include "google_token.hpp"

#include "google_key.hpp"
#include "metadata_service.hpp"
#include "refreshed.hpp"
#include "small_file.hpp"

#include <wale/base/error.hpp>

#include <string>
#include <utility>

namespace wale::store {
namespace {

using std::chrono::system_clock;

constexpr std::chrono::milliseconds metadata_limit{5'000};
constexpr const char* metadata_address = "169.254.169.254";
constexpr const char* metadata_path = "/computeMetadata/v1/instance/service-accounts/default/token";
constexpr std::size_t largest_answer = 256 * 1024;

bool passes(int status) {
  return status >= 500 || status == 408 || status == 429;
}

class tokens final : public google_token_source, private refreshed<google_token> {
public:
  tokens(io::runtime& rt, http::client& client, http::variable_lookup environment)
      : refreshed("Google access tokens", "wal_e.blobstore.gs"), runtime_(rt), client_(client),
        environment_(std::move(environment)) {}

  task<google_token> get() override { return good(); }
  void forget(std::uint64_t round) override {
    if (round == round_) drop();
  }

private:
  task<google_token> fetch() override {
    google_token found = co_await find();
    found.round = ++round_;
    co_return found;
  }

  task<google_token> find() {
    const std::string named = value_of("GOOGLE_APPLICATION_CREDENTIALS");
    const std::string path = named.empty() ? gcloud_file() : named;
    std::optional<std::string> text;
    if (!path.empty()) text = co_await read_small_file(runtime_, path);
    if (!text && !named.empty())
      throw failure(
          kind::configuration,
          "Google credentials cannot be used",
          "GOOGLE_APPLICATION_CREDENTIALS names \"" + named + "\", which does not exist.",
          "Correct it, or unset it to use gcloud's login or the machine's service account.");
    if (!text) co_return co_await from_metadata();
    const google_key key = parse_google_key(*text, "The file \"" + path + "\"");
    co_return co_await from_key(key);
  }

  std::string value_of(const char* name) const { return environment_(name).value_or(""); }

  std::string gcloud_file() const {
    std::string folder = value_of("CLOUDSDK_CONFIG");
    const std::string home = value_of("HOME");
    if (folder.empty() && !home.empty()) folder = home + "/.config/gcloud";
    return folder.empty() ? "" : folder + "/application_default_credentials.json";
  }

  // Asked once more, with the endpoint's time, if the refusal has told that our clock is wrong.
  task<google_token> from_key(const google_key& key) {
    const http::url u = http::parse_url(token_url_of(key));
    http::reply answer;
    for (int attempt = 0; attempt < 2; ++attempt) {
      const std::chrono::seconds offset = offset_of(u.origin);
      const std::string form = compose_token_request(key, system_clock::now() + offset);
      http::request r;
      r.method = "POST";
      r.target = u.query.empty() ? u.path : u.path + "?" + u.query;
      r.headers.add("Content-Type", "application/x-www-form-urlencoded");
      r.body.push_back(http::bytes_of(form));
      http::exchange_options how;
      answer = co_await client_.perform(u.origin, std::move(r), how, largest_answer);
      const std::chrono::seconds wrong = offset_of(u.origin) - offset;
      if (answer.status == 200 || std::chrono::abs(wrong) < std::chrono::minutes(1)) break;
    }
    if (answer.status != 200) refuse(u.origin.text(), answer);
    co_return parse_token(answer.body, u.origin.text(), system_clock::now());
  }

  std::chrono::seconds offset_of(const http::origin& of) const {
    return client_.clock_offset(of).value_or(std::chrono::seconds(0));
  }

  [[noreturn]] static void refuse(const std::string& from, const http::reply& answer) {
    const std::string said = refusal_in(answer.body);
    const bool later = passes(answer.status);
    throw failure(
        later ? kind::unavailable : kind::configuration,
        "Google credentials are not accepted",
        from + " answered with status " + std::to_string(answer.status) +
            (said.empty() ? "." : ", \"" + said + "\"."),
        later ? "Is the service that gives out tokens in trouble?"
              : "Check what GOOGLE_APPLICATION_CREDENTIALS names: its key may be deleted or "
                "disabled, or the login expired.");
  }

  // "Metadata-Flavor: Google" in the request keeps out forged ones; in the answer it tells that
  // Google's server gave it ("About VM metadata").
  task<google_token> from_metadata() {
    const std::string host = value_of("GCE_METADATA_HOST");
    const http::url u = http::parse_url("http://" + (host.empty() ? metadata_address : host));
    http::request r;
    r.target = metadata_path;
    r.headers.add("Metadata-Flavor", "Google");
    const metadata_answer asked =
        co_await ask_metadata(client_, u.origin, std::move(r), metadata_limit);
    if (!asked.reply) throw none(was_there_ || !host.empty(), asked.silence);
    const http::reply& answer = *asked.reply;
    const bool is_google = answer.headers.get("Metadata-Flavor") == "Google";
    if (answer.status != 200 || !is_google)
      throw none(
          passes(answer.status),
          "The metadata server at " + u.origin.text() + " answered with status " +
              std::to_string(answer.status) + (is_google ? "." : ", and is not Google's."));
    was_there_ = true;
    co_return parse_token(answer.body, "the metadata server", system_clock::now());
  }

  static failure none(bool later, const std::string& seen) {
    return failure(
        later ? kind::unavailable : kind::configuration,
        "Google credentials are required but not provided",
        "GOOGLE_APPLICATION_CREDENTIALS is not set, gcloud has none, and there is no service "
        "account of this machine: " +
            seen,
        "Set the environment variable GOOGLE_APPLICATION_CREDENTIALS to a service account's key "
        "file, or attach a service account to the machine.");
  }

  io::runtime& runtime_;
  http::client& client_;
  http::variable_lookup environment_;
  std::uint64_t round_ = 0;
  bool was_there_ = false;
};

} // namespace

std::unique_ptr<google_token_source>
make_google_tokens(io::runtime& rt, http::client& client, http::variable_lookup environment) {
  return std::make_unique<tokens>(rt, client, std::move(environment));
}

} // namespace wale::store
