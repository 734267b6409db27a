#pragma once
// From a prefix URL to a store.

#include <wale/io/runtime.hpp>
#include <wale/store/store.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace wale::store {

/// What stores other than the file store are told beside the prefix.
struct settings {
  /// The environment: nullopt for a variable that is not set.
  std::function<std::optional<std::string>(const std::string& name)> variable;
  std::string aws_access_key_id = {}; ///< --aws-access-key-id
  bool aws_instance_profile = false;  ///< --aws-instance-profile
  std::string wabs_account_name = {}; ///< --wabs-account-name
  /// How long one request may take, repetitions and pauses included.
  std::chrono::milliseconds request_limit{60'000};
  /// How long all requests together may take, counted from open_store(). One that begins near the
  /// end or later still has a second, to say what is wrong.
  std::optional<std::chrono::milliseconds> limit_of_all = {};
};

/// Opens the store that the URL's scheme names; no I/O happens yet. Throws kind::configuration for
/// an unknown scheme, a malformed URL, or a setting that is missing, in WAL-E's words. `rt` must
/// outlive the store.
std::unique_ptr<store>
open_store(io::runtime& rt, const std::string& prefix_url, const settings& how = {});

/// True for stores whose puts gather parts in memory: they want a larger block pool.
bool wants_parts(const std::string& prefix_url);

} // namespace wale::store
