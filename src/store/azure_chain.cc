#include "azure_chain.hpp"

#include "azure_shared_key.hpp"
#include "azure_token.hpp"
#include "refreshed.hpp"

#include <wale/base/base64.hpp>
#include <wale/base/error.hpp>
#include <wale/base/secret.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace wale::store {
namespace {

using std::chrono::system_clock;

class shared_key : public azure_authority {
public:
  shared_key(std::string account, wale::secret key)
      : account_(std::move(account)), key_(std::move(key)) {}

  task<> warm_up() override { co_return; }
  task<std::uint64_t> authorize(http::request& r, system_clock::time_point now) override {
    r.headers.set("x-ms-date", azure_date(now));
    r.headers.set("Authorization", azure_authorization(account_, key_, r));
    co_return 0;
  }
  void accepted(std::uint64_t) override {}
  bool renew(std::uint64_t) override { return false; }
  bool depends_on_clock() const override { return true; }

private:
  std::string account_;
  wale::secret key_;
};

class shared_access_signature : public azure_authority {
public:
  explicit shared_access_signature(wale::secret query) : query_(std::move(query)) {}

  task<> warm_up() override { co_return; }
  task<std::uint64_t> authorize(http::request& r, system_clock::time_point) override {
    r.target += (r.target.find('?') == std::string::npos ? "?" : "&") + query_.reveal();
    co_return 0;
  }
  void accepted(std::uint64_t) override {}
  bool renew(std::uint64_t) override { return false; }
  bool depends_on_clock() const override { return false; }

private:
  wale::secret query_;
};

struct numbered_token : azure_token {
  std::uint64_t number = 0;
};

class token : public azure_authority, private refreshed<numbered_token> {
public:
  explicit token(std::unique_ptr<azure_token_source> source)
      : refreshed("the token for Azure", "wal_e.blobstore.wabs"), source_(std::move(source)) {}

  task<> warm_up() override { co_await good(); }
  task<std::uint64_t> authorize(http::request& r, system_clock::time_point now) override {
    const numbered_token with = co_await good();
    r.headers.set("x-ms-date", azure_date(now));
    r.headers.set("Authorization", "Bearer " + with.bearer.reveal());
    co_return with.number;
  }
  void accepted(std::uint64_t number) override {
    if (refused_ && number > *refused_) refused_.reset();
  }
  // One that was fetched after another had been refused, and is refused too, will not be the last.
  bool renew(std::uint64_t number) override {
    if (refused_ && number > *refused_) return false;
    refused_ = std::max(refused_.value_or(0), number);
    if (number == newest_) drop();
    return true;
  }
  bool depends_on_clock() const override { return false; }

private:
  task<numbered_token> fetch() override {
    numbered_token found;
    azure_token& as_given = found;
    as_given = co_await source_->fetch();
    found.number = ++newest_;
    co_return found;
  }

  std::unique_ptr<azure_token_source> source_;
  std::uint64_t newest_ = 0;
  std::optional<std::uint64_t> refused_; ///< until a later token is accepted
};

std::unique_ptr<azure_authority> with_key(const std::string& account, const std::string& encoded) {
  std::optional<std::string> key = from_base64(encoded);
  if (!key || key->empty())
    throw failure(
        kind::configuration,
        "WABS_ACCESS_KEY is not a key",
        "It must be base64, as the portal shows it.",
        "Check the environment variable WABS_ACCESS_KEY for missing characters and blanks.");
  return std::make_unique<shared_key>(account, wale::secret(std::move(*key)));
}

std::unique_ptr<azure_authority> with_sas(std::string text) {
  if (text.starts_with('?')) text.erase(0, 1);
  bool clean = text.find("sig=") != std::string::npos;
  for (const char c : text)
    clean = clean && static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f &&
            c != '#' && c != '?';
  if (!clean)
    throw failure(
        kind::configuration,
        "WABS_SAS_TOKEN is not a shared access signature",
        "It must be a URL's parameters, encoded, \"sig\" among them.",
        "Check the environment variable WABS_SAS_TOKEN for missing characters and blanks.");
  return std::make_unique<shared_access_signature>(wale::secret(std::move(text)));
}

std::unique_ptr<azure_authority>
with_token(std::unique_ptr<azure_token_source> source, const http::origin& server) {
  if (!server.secure())
    throw failure(
        kind::configuration,
        "a token would go over the network in the clear",
        "WALE_WABS_ENDPOINT is an http URL.",
        "Use an https endpoint, or a shared key.");
  return std::make_unique<token>(std::move(source));
}

bool managed_identity_asked(const http::variable_lookup& environment) {
  const std::string value = environment("WALE_WABS_MANAGED_IDENTITY").value_or("");
  if (value == "1" || value == "true") return true;
  if (value.empty() || value == "0" || value == "false") return false;
  throw failure(
      kind::configuration,
      "WALE_WABS_MANAGED_IDENTITY has an unknown value",
      "It is \"" + value.substr(0, 40) + "\".",
      "Use 1 or 0, or unset it.");
}

} // namespace

std::string azure_account(const http::variable_lookup& environment, const std::string& option) {
  std::string account = option;
  if (account.empty()) account = environment("WABS_ACCOUNT_NAME").value_or("");
  if (account.empty())
    throw failure(
        kind::configuration,
        "WABS account name is undefined",
        "It is part of the address, and of what is signed.",
        "Pass \"--wabs-account-name\" or set the environment variable \"WABS_ACCOUNT_NAME\".");
  return account;
}

std::unique_ptr<azure_authority> make_azure_authority(
    io::runtime& rt,
    http::client& client,
    const http::variable_lookup& environment,
    const std::string& account,
    const http::origin& server) {
  const auto value_of = [&](const char* name) { return environment(name).value_or(""); };
  if (const std::string key = value_of("WABS_ACCESS_KEY"); !key.empty())
    return with_key(account, key);
  if (const std::string sas = value_of("WABS_SAS_TOKEN"); !sas.empty()) return with_sas(sas);
  if (!value_of("AZURE_FEDERATED_TOKEN_FILE").empty())
    return with_token(make_workload_identity(rt, client, environment), server);
  if (managed_identity_asked(environment))
    return with_token(make_managed_identity(client, environment), server);
  throw failure(
      kind::configuration,
      "WABS access credentials is required but not provided",
      "There is neither a key nor a shared access signature.",
      "Set one of the environment variables \"WABS_ACCESS_KEY\" and \"WABS_SAS_TOKEN\"; for the "
      "managed identity of this machine set WALE_WABS_MANAGED_IDENTITY=1.");
}

} // namespace wale::store
