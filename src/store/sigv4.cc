#include "sigv4.hpp"

#include <wale/base/ascii.hpp>
#include <wale/base/digest.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>
#include <vector>

namespace wale::store {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

// What proxies and the client itself write or change on the way.
constexpr std::array<std::string_view, 7> unsigned_headers{
    "accept-encoding",
    "authorization",
    "connection",
    "expect",
    "te",
    "transfer-encoding",
    "user-agent"};

std::string hash_hex(std::string_view text) {
  wale::sha256 hash;
  hash.update(http::bytes_of(text));
  return to_hex(hash.finish());
}

std::string hmac(std::string_view key, std::string_view text) {
  const sha256_value sum = hmac_sha256(key, text);
  return {reinterpret_cast<const char*>(sum.data()), sum.size()};
}

// "Trim" of the specification: no blanks at the ends, one for a run inside.
std::string trimmed(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool blank = c == ' ' || c == '\t';
    if (!blank)
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// Name and value of each signed header, sorted by name; values of one name joined in their order.
std::vector<std::pair<std::string, std::string>> signed_headers(const http::headers& all) {
  std::vector<std::pair<std::string, std::string>> list;
  for (const auto& [name, value] : all) {
    std::string lower = lower_case(name);
    if (std::ranges::find(unsigned_headers, lower) != unsigned_headers.end()) continue;
    list.emplace_back(std::move(lower), trimmed(value));
  }
  std::ranges::stable_sort(list, {}, &std::pair<std::string, std::string>::first);
  std::vector<std::pair<std::string, std::string>> joined;
  for (auto& [name, value] : list)
    if (!joined.empty() && joined.back().first == name)
      joined.back().second += "," + value;
    else
      joined.emplace_back(std::move(name), std::move(value));
  return joined;
}

std::string names_of(const std::vector<std::pair<std::string, std::string>>& list) {
  std::string names;
  for (const auto& [name, value] : list)
    names += (names.empty() ? "" : ";") + name;
  return names;
}

// RFC 3986 section 6.2.2.3, and runs of slashes become one.
std::string normalised(std::string_view path) {
  std::vector<std::string_view> parts;
  std::size_t at = 0;
  while (at < path.size()) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    at = end + 1;
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
  }
  std::string out = "/";
  for (const std::string_view part : parts)
    out.append(part) += '/';
  if (!path.ends_with('/') && !parts.empty()) out.pop_back();
  return out;
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> fields;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view field = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (field.empty()) continue;
    const std::size_t equals = std::min(field.find('='), field.size());
    const std::string_view value = equals < field.size() ? field.substr(equals + 1) : "";
    // Decoded first, so that it does not matter how the sender encoded what need not be encoded.
    fields.emplace_back(
        http::percent_encode(http::percent_decode(field.substr(0, equals))),
        http::percent_encode(http::percent_decode(value)));
  }
  std::ranges::sort(fields);
  std::string out;
  for (const auto& [name, value] : fields)
    out += (out.empty() ? "" : "&") + name + "=" + value;
  return out;
}

// The token of the credentials before must not stay behind where the new ones have none.
http::headers without(const http::headers& all, std::string_view name) {
  http::headers rest;
  for (const auto& [key, value] : all)
    if (lower_case(key) != name) rest.add(key, value);
  return rest;
}

std::string credential_scope(std::string_view day, const sigv4_scope& scope) {
  return std::string(day) + "/" + scope.region + "/" + scope.service + "/aws4_request";
}

} // namespace

std::string payload_hash(const http::body_pieces& body) {
  wale::sha256 hash;
  for (const auto& piece : body)
    hash.update(piece);
  return to_hex(hash.finish());
}

std::string sigv4_stamp(std::chrono::system_clock::time_point time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(floor<seconds>(time - day));
  char text[32];
  std::snprintf(
      text,
      sizeof text,
      "%04d%02u%02uT%02d%02d%02dZ",
      static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()),
      static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  return text;
}

std::string
canonical_request(const http::request& r, std::string_view payload_hash, sigv4_flavour flavour) {
  const std::size_t mark = std::min(r.target.find('?'), r.target.size());
  const std::string_view target = r.target;
  std::string path(target.substr(0, mark));
  if (flavour == sigv4_flavour::generic) path = http::percent_encode(normalised(path), true);

  const auto headers = signed_headers(r.headers);
  std::string out = r.method + "\n" + path + "\n" +
                    canonical_query(mark < target.size() ? target.substr(mark + 1) : "") + "\n";
  for (const auto& [name, value] : headers)
    out += name + ":" + value + "\n";
  return out + "\n" + names_of(headers) + "\n" + std::string(payload_hash);
}

std::string string_to_sign(
    std::string_view stamp, const sigv4_scope& scope, std::string_view canonical_request) {
  return std::string(algorithm) + "\n" + std::string(stamp) + "\n" +
         credential_scope(stamp.substr(0, 8), scope) + "\n" + hash_hex(canonical_request);
}

const std::string& sigv4_signer::key_of(std::string_view day, const aws_credentials& with) {
  if (day != day_ || with.secret != secret_) {
    key_ = hmac("AWS4" + with.secret.reveal(), day);
    key_ = hmac(key_, scope_.region);
    key_ = hmac(key_, scope_.service);
    key_ = hmac(key_, "aws4_request");
    day_ = day;
    secret_ = with.secret;
  }
  return key_;
}

std::string sigv4_signer::authorization(
    const http::request& r,
    const aws_credentials& with,
    std::string_view stamp,
    std::string_view payload_hash) {
  const std::string_view day = stamp.substr(0, 8);
  const std::string text =
      string_to_sign(stamp, scope_, canonical_request(r, payload_hash, scope_.flavour));
  const std::string signature = hmac(key_of(day, with), text);
  sha256_value bytes{};
  std::ranges::copy(std::as_bytes(std::span(signature)), bytes.begin());
  return std::string(algorithm) + " Credential=" + with.key_id + "/" +
         credential_scope(day, scope_) + ", SignedHeaders=" + names_of(signed_headers(r.headers)) +
         ", Signature=" + to_hex(bytes);
}

void sigv4_signer::sign(
    http::request& r,
    const http::origin& to,
    const aws_credentials& with,
    std::chrono::system_clock::time_point time,
    std::string_view payload_hash) {
  const std::string stamp = sigv4_stamp(time);
  r.headers.set("Host", to.authority());
  r.headers.set("X-Amz-Date", stamp);
  if (scope_.flavour == sigv4_flavour::s3)
    r.headers.set("X-Amz-Content-SHA256", std::string(payload_hash));
  r.headers = without(r.headers, "x-amz-security-token");
  if (!with.session_token.empty())
    r.headers.set("X-Amz-Security-Token", with.session_token.reveal());
  r.headers.set("Authorization", authorization(r, with, stamp, payload_hash));
}

} // namespace wale::store
