#pragma once
// Access tokens for Google's interfaces, and where they come from.

#include <wale/base/secret.hpp>
#include <wale/http/client.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/task.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

namespace wale::store {

struct google_token {
  wale::secret text;
  std::optional<std::chrono::system_clock::time_point> expiry = {};
  std::uint64_t round = 0; ///< counts the tokens of one source
};

class google_token_source {
public:
  virtual ~google_token_source() = default;

  /// A token that is good now. Throws kind::configuration if a person must do something,
  /// kind::unavailable if asking again later may help. Callers that come while one is fetched share
  /// it. Cancelling leaves nothing behind.
  virtual task<google_token> get() = 0;
  /// The server did not take the token of this round: the next get() asks anew, unless it has a
  /// newer one.
  virtual void forget(std::uint64_t round) = 0;
};

/// Google's "Application Default Credentials", the first that is there:
///
/// 1. the file that GOOGLE_APPLICATION_CREDENTIALS names: a service account's key, or an authorised
///    user's refresh token
/// 2. gcloud's own file, application_default_credentials.json in CLOUDSDK_CONFIG or
///    ~/.config/gcloud
/// 3. the metadata server of Compute Engine, GKE and the like, at GCE_METADATA_HOST, else
///    169.254.169.254; never through a proxy
///
/// The file is read anew for each token. `rt` and `client` outlive it.
std::unique_ptr<google_token_source>
make_google_tokens(io::runtime& rt, http::client& client, http::variable_lookup environment);

} // namespace wale::store
