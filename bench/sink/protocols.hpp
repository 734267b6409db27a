#pragma once
// As much of each store's REST interface as backup programs use.

#include "exchange.hpp"

namespace sink {

std::unique_ptr<exchange> speak_s3(const surroundings& all);
std::unique_ptr<exchange> speak_azure(const surroundings& all);
std::unique_ptr<exchange> speak_swift(const surroundings& all);
std::unique_ptr<exchange> speak_gcs(const surroundings& all);

} // namespace sink
