#include "s3_address.hpp"

#include <wale/base/ascii.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace wale::store {
namespace {

// Regions whose host has another shape than `s3.REGION.amazonaws.com`: those that are older than
// that shape (AWS General Reference, "Amazon S3 endpoints and quotas"), as WAL-E knew them.
constexpr std::array<std::string_view, 8> dashed_regions{
    "ap-northeast-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "eu-west-1",
    "sa-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2"};

constexpr std::string_view example =
    "Valid forms are for example https://s3.example.org, https+path://s3.example.org:9000 and "
    "https+subdomain://s3.example.org.";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

// `xx-direction-1`, of which AWS makes new ones every year.
bool looks_like_region(std::string_view region) {
  const std::size_t dash = region.find('-');
  const std::size_t last = region.rfind('-');
  return dash == 2 && last > dash && last + 1 < region.size() &&
         std::ranges::all_of(region.substr(last + 1), is_digit) &&
         std::ranges::all_of(
             region.substr(0, last), [](char c) { return is_lower(c) || c == '-'; });
}

[[noreturn]] void unknown_region(const std::string& region) {
  throw failure(
      kind::configuration,
      "Could not resolve host for AWS_REGION",
      "AWS_REGION is set to \"" + region + "\".",
      "Set AWS_REGION to the region of the bucket, for example eu-central-1.");
}

bool is_chinese(std::string_view region) {
  return region.starts_with("cn-");
}

std::string path_host(const std::string& region) {
  if (region == "us-east-1") return "s3.amazonaws.com";
  if (std::ranges::find(dashed_regions, region) != dashed_regions.end())
    return "s3-" + region + ".amazonaws.com";
  if (!looks_like_region(region)) unknown_region(region);
  return "s3." + region + (is_chinese(region) ? ".amazonaws.com.cn" : ".amazonaws.com");
}

// The bucket in front of the host of its region. WAL-E used the host without a region, which AWS
// redirects: with a new bucket for hours, with each request, and not at all in regions launched
// after March 2019 (S3 User Guide, "Virtual hosting of buckets", "Request redirection").
std::string virtual_host(const std::string& bucket, const std::string& region) {
  if (!looks_like_region(region)) unknown_region(region);
  return bucket + ".s3." + region + (is_chinese(region) ? ".amazonaws.com.cn" : ".amazonaws.com");
}

bool is_amazon_host(std::string_view host) {
  return host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
}

// The region in a host name of Amazon's; empty if the host is none of theirs or says none.
std::string region_in(std::string_view host) {
  if (!is_amazon_host(host)) return {};
  while (!host.empty()) {
    const std::size_t end = std::min(host.find('.'), host.size());
    std::string_view label = host.substr(0, end);
    host.remove_prefix(std::min(end + 1, host.size()));
    if (label.starts_with("s3-")) label.remove_prefix(3);
    if (looks_like_region(label)) return std::string(label);
  }
  return {};
}

[[noreturn]] void bad_endpoint(std::string msg, std::string detail) {
  throw failure(kind::configuration, std::move(msg), std::move(detail), std::string(example));
}

struct endpoint {
  std::string protocol;
  std::string convention; // empty for a plain URL
  std::string rest;       // authority and path
};

// Nothing of the value but the scheme and the path is ever shown: there may be a password in it.
endpoint split(const std::string& text) {
  const std::size_t colon = text.find("://");
  const std::string scheme = lower_case(text.substr(0, colon == std::string::npos ? 0 : colon));
  const std::size_t plus = std::min(scheme.find('+'), scheme.size());
  endpoint e;
  e.protocol = scheme.substr(0, plus);
  e.convention = plus < scheme.size() ? scheme.substr(plus + 1) : "";
  const bool known = e.convention == "path" || e.convention == "virtualhost" ||
                     e.convention == "subdomain" || plus == scheme.size();
  if ((e.protocol != "http" && e.protocol != "https") || !known)
    bad_endpoint(
        "WALE_S3_ENDPOINT URI scheme is invalid", "The scheme defined is \"" + scheme + "\".");
  e.rest = text.substr(colon + 3);

  const std::size_t slash = std::min(e.rest.find_first_of("/?#"), e.rest.size());
  if (e.rest.substr(0, slash).find('@') != std::string::npos)
    bad_endpoint(
        "WALE_S3_ENDPOINT does not support username or password",
        "Credentials come from the environment, a profile or the instance, never from a URL.");
  if (e.rest.find_first_of("?#") != std::string::npos)
    bad_endpoint(
        "WALE_S3_ENDPOINT does not support query parameters",
        "There is a question mark or a hash sign in it.");
  if (!e.convention.empty() && slash < e.rest.size())
    bad_endpoint(
        "WALE_S3_ENDPOINT does not support a URI path",
        "The path is \"" + e.rest.substr(slash) + "\".");
  return e;
}

http::origin default_host(const std::string& protocol, const std::string& region) {
  const auto port = static_cast<std::uint16_t>(protocol == "https" ? 443 : 80);
  return {protocol, region.empty() ? "s3.amazonaws.com" : path_host(region), port};
}

} // namespace

s3_location parse_s3_url(std::string_view prefix_url) {
  const std::size_t colon = prefix_url.find("://");
  if (colon == std::string_view::npos || lower_case(prefix_url.substr(0, colon)) != "s3")
    throw failure(
        kind::configuration,
        "the storage prefix is no S3 URL",
        "The prefix is \"" + std::string(prefix_url) + "\".",
        "Give it as s3://bucket/prefix.");
  std::string_view rest = prefix_url.substr(colon + 3);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  s3_location where;
  where.bucket = rest.substr(0, slash);
  if (where.bucket.empty())
    throw failure(
        kind::configuration,
        "the storage prefix names no bucket",
        "The prefix is \"" + std::string(prefix_url) + "\".",
        "Give it as s3://bucket/prefix.");
  rest.remove_prefix(slash);
  while (rest.starts_with('/'))
    rest.remove_prefix(1);
  while (rest.ends_with('/'))
    rest.remove_suffix(1);
  where.prefix = rest;
  if (!where.prefix.empty()) where.prefix += '/';
  return where;
}

bool fits_subdomain(std::string_view bucket) {
  const auto allowed = [](char c) { return is_lower(c) || is_digit(c) || c == '-' || c == '.'; };
  const auto outside = [](char c) { return c == '-' || c == '.'; };
  if (bucket.size() < 3 || bucket.size() > 63) return false;
  if (!std::ranges::all_of(bucket, allowed)) return false;
  if (outside(bucket.front()) || outside(bucket.back())) return false;
  for (const std::string_view pair : {"..", "-.", ".-"})
    if (bucket.find(pair) != std::string_view::npos) return false;
  const auto no_address = [](char c) { return !is_digit(c) && c != '.'; };
  return std::ranges::any_of(bucket, no_address) || std::ranges::count(bucket, '.') != 3;
}

s3_address s3_address::resolve(s3_settings settings) {
  s3_address a;
  a.settings_ = std::move(settings);
  if (a.settings_.endpoint.empty()) {
    if (a.settings_.region.empty())
      throw failure(
          kind::configuration,
          "must define one of AWS_REGION or WALE_S3_ENDPOINT",
          "Neither is set, so it is not known where the bucket is.",
          "Set AWS_REGION to the region of the bucket, for example eu-central-1; for other "
          "servers than Amazon's set WALE_S3_ENDPOINT, for example https://s3.example.org.");
    a.choose_amazon_host();
  } else {
    a.use_endpoint();
  }
  return a;
}

void s3_address::choose_amazon_host() {
  const std::string& bucket = settings_.bucket;
  // A dot makes two labels, which the wildcard in Amazon's certificate does not match.
  bucket_in_path_ = !fits_subdomain(bucket) || bucket.find('.') != std::string::npos;
  const std::string host =
      bucket_in_path_ ? path_host(settings_.region) : virtual_host(bucket, settings_.region);
  origin_ = {"https", host, 443};
  path_ = bucket_in_path_ ? "/" + http::percent_encode(bucket) : "";
  region_ = settings_.region;
  region_is_known_ = true;
  is_amazon_ = true;
}

void s3_address::use_endpoint() {
  const endpoint e = split(settings_.endpoint);
  const std::string& bucket = settings_.bucket;
  std::string path;
  const std::size_t slash = std::min(e.rest.find('/'), e.rest.size());
  if (slash == 0 && e.convention.empty())
    bad_endpoint("WALE_S3_ENDPOINT names no host", "There is nothing behind the scheme.");
  if (slash == 0 || e.rest.starts_with(':')) {
    origin_ = default_host(e.protocol, settings_.region);
    if (slash != 0) {
      const auto port = http::parse_url(e.protocol + "://host" + e.rest).origin.port;
      origin_.port = port;
    }
  } else {
    http::url u = http::parse_url(e.protocol + "://" + e.rest);
    origin_ = u.origin;
    path = u.path;
    while (path.ends_with('/'))
      path.pop_back();
  }
  is_amazon_ = is_amazon_host(origin_.host);

  // WAL-E signed for no region in this mode (SigV2). SigV4 has to: AWS_REGION, else what an Amazon
  // host tells, else what work-alikes take unless they are told otherwise.
  region_ = settings_.region.empty() ? region_in(origin_.host) : settings_.region;
  region_is_known_ = !region_.empty();
  if (region_.empty()) region_ = "us-east-1";
  if (!settings_.region.empty() && !e.convention.empty())
    warning_ = explanation{
        "WALE_S3_ENDPOINT defined, ignoring AWS_REGION",
        "The endpoint decides which server is spoken to. The region \"" + settings_.region +
            "\" is only named in the signatures of the requests."};

  const bool fits = fits_subdomain(bucket);
  if (e.convention == "virtualhost") {
    origin_.host = bucket;
  } else if (e.convention == "subdomain" || (settings_.prefer_virtual && fits && path.empty())) {
    if (!fits)
      bad_endpoint(
          "the name of the bucket cannot be part of a host name",
          "The bucket is \"" + bucket + "\", and WALE_S3_ENDPOINT asks for it as a sub-domain.");
    origin_.host = bucket + "." + origin_.host;
  } else {
    bucket_in_path_ = true;
    path += "/" + http::percent_encode(bucket);
  }
  path_ = path;
}

std::string s3_address::target(std::string_view key) const {
  return path_ + "/" + http::percent_encode(key, true);
}

std::string s3_address::bucket_target() const {
  return path_.empty() ? "/" : path_;
}

s3_address s3_address::in_region(std::string region) const {
  s3_address moved = *this;
  moved.settings_.region = region;
  if (settings_.endpoint.empty()) {
    moved.choose_amazon_host();
  } else {
    moved.region_ = std::move(region);
    moved.region_is_known_ = true;
  }
  return moved;
}

} // namespace wale::store
