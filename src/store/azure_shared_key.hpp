#pragma once
// Azure's Shared Key authorization, version 2015-02-21 and later. Pure; the pieces that a signature
// is made of are exposed, because they are what a test or an operator compares with the server's.
//
// Source: Azure Storage Services REST API Reference, "Authorize with Shared Key".

#include <wale/base/secret.hpp>
#include <wale/http/message.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace wale::store {

/// `Fri, 26 Jun 2015 23:39:12 GMT` (RFC 1123).
std::string azure_date(std::chrono::system_clock::time_point time);

/// `x-ms-` headers, a line each, sorted. Azure sorts them as Windows sorts words, which is the
/// order of their bytes for all that we send.
std::string canonical_azure_headers(const http::headers& all);

/// The target's path as it is sent, after the account, and its parameters, decoded and sorted.
std::string canonical_azure_resource(std::string_view account, std::string_view target);

std::string azure_string_to_sign(std::string_view account, const http::request& r);

/// The Authorization header's value for `r` as it is; `key` is the account's key as bytes.
std::string
azure_authorization(std::string_view account, const wale::secret& key, const http::request& r);

} // namespace wale::store
