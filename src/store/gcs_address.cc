#include "gcs_address.hpp"

#include <wale/base/ascii.hpp>

#include <algorithm>

namespace wale::store {
namespace {

constexpr const char* google = "https://storage.googleapis.com";

[[noreturn]] void bad_prefix(std::string msg, std::string_view prefix_url) {
  throw failure(
      kind::configuration,
      std::move(msg),
      "The prefix is \"" + std::string(prefix_url) + "\".",
      "Give it as gs://bucket/prefix.");
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

http::url endpoint_in(const char* variable, const std::string& text) {
  http::url u;
  try {
    u = http::parse_url(text);
  } catch (const failure& f) {
    throw f.with_msg(std::string(variable) + " is no URL");
  }
  if (!u.query.empty() || !u.userinfo.empty())
    throw failure(
        kind::configuration,
        std::string(variable) + " has more than a host and a path",
        "A user, a password or a query means nothing there.",
        "Give it as https://host.");
  return u;
}

} // namespace

gcs_location parse_gs_url(std::string_view prefix_url) {
  const std::size_t colon = prefix_url.find("://");
  if (colon == std::string_view::npos || lower_case(prefix_url.substr(0, colon)) != "gs")
    bad_prefix("the storage prefix is no URL of Google Cloud Storage", prefix_url);
  std::string_view rest = prefix_url.substr(colon + 3);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  gcs_location where;
  where.bucket = rest.substr(0, slash);
  if (where.bucket.empty()) bad_prefix("the storage prefix names no bucket", prefix_url);
  rest.remove_prefix(slash);
  while (rest.starts_with('/'))
    rest.remove_prefix(1);
  while (rest.ends_with('/'))
    rest.remove_suffix(1);
  where.root = "/" + std::string(rest);
  if (where.root.size() > 1) where.root += '/';
  return where;
}

gcs_address gcs_address::resolve(const gcs_settings& settings) {
  gcs_address a;
  a.bucket_ = settings.bucket;
  a.wants_token_ = settings.emulator.empty();
  http::url u;
  if (!a.wants_token_) {
    const bool has_scheme = settings.emulator.find("://") != std::string::npos;
    u = endpoint_in("STORAGE_EMULATOR_HOST", (has_scheme ? "" : "http://") + settings.emulator);
  } else {
    u = endpoint_in("WALE_GS_ENDPOINT", settings.endpoint.empty() ? google : settings.endpoint);
    if (!u.origin.secure() && !is_loopback(u.origin.host))
      throw failure(
          kind::configuration,
          "an access token would go over the network in the clear",
          "WALE_GS_ENDPOINT is an http URL.",
          "Use an https endpoint, or STORAGE_EMULATOR_HOST for a server that wants no token.");
  }
  a.origin_ = u.origin;
  a.path_ = u.path;
  while (a.path_.ends_with('/'))
    a.path_.pop_back();
  return a;
}

std::string gcs_address::bucket_target() const {
  return path_ + "/storage/v1/b/" + http::percent_encode(bucket_) + "/o";
}

std::string gcs_address::target(std::string_view key) const {
  return bucket_target() + "/" + http::percent_encode(key);
}

std::string gcs_address::upload_target() const {
  return path_ + "/upload/storage/v1/b/" + http::percent_encode(bucket_) + "/o";
}

} // namespace wale::store
