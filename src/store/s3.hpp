#pragma once
// The S3 store: Amazon's and its work-alikes.

#include <wale/store/open.hpp>

#include <memory>
#include <string>

namespace wale::store {

/// `s3://bucket/prefix`. No I/O yet. Throws kind::configuration for what is missing or contradicts.
std::unique_ptr<store>
open_s3_store(io::runtime& rt, const std::string& prefix_url, const settings& how);

} // namespace wale::store
