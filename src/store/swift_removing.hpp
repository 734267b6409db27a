#pragma once
// Removal of many names of a container: by bulk delete where the server offers it, else one by one,
// several at the same time.

#include "swift_account.hpp"
#include "swift_requests.hpp"

#include <string>
#include <vector>

namespace wale::store {

/// In no order; absent ones count as removed. Of large objects only the manifests go. Gives those
/// that the server refused to remove; anything that may succeed later throws.
task<std::vector<failed_removal>>
remove_names(swift_account& account, std::string container, std::vector<std::string> names);

} // namespace wale::store
