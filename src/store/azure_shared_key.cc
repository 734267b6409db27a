#include "azure_shared_key.hpp"

#include <wale/base/ascii.hpp>
#include <wale/base/base64.hpp>
#include <wale/base/digest.hpp>
#include <wale/http/url.hpp>

#include <algorithm>
#include <array>
#include <ctime>
#include <map>
#include <vector>

namespace wale::store {
namespace {

// The standard headers that are signed, by their place, an empty line where one is not sent.
constexpr std::array<const char*, 2> before_length{"Content-Encoding", "Content-Language"};
constexpr std::array<const char*, 8> after_length{
    "Content-MD5",
    "Content-Type",
    "Date",
    "If-Modified-Since",
    "If-Match",
    "If-None-Match",
    "If-Unmodified-Since",
    "Range"};

// No blanks at the ends, one for a run inside.
std::string unfolded(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!blank)
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

} // namespace

std::string azure_date(std::chrono::system_clock::time_point time) {
  static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> months{
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[64];
  // Not %a and %b, which follow the locale.
  std::snprintf(
      text,
      sizeof text,
      "%s, %02d %s %04d %02d:%02d:%02d GMT",
      days.at(static_cast<std::size_t>(utc.tm_wday)),
      utc.tm_mday,
      months.at(static_cast<std::size_t>(utc.tm_mon)),
      utc.tm_year + 1900,
      utc.tm_hour,
      utc.tm_min,
      utc.tm_sec);
  return text;
}

std::string canonical_azure_headers(const http::headers& all) {
  std::map<std::string, std::string> ours;
  for (const auto& [name, value] : all) {
    std::string lower = lower_case(name);
    if (lower.starts_with("x-ms-")) ours[std::move(lower)] = unfolded(value);
  }
  std::string out;
  for (const auto& [name, value] : ours)
    out += name + ":" + value + "\n";
  return out;
}

std::string canonical_azure_resource(std::string_view account, std::string_view target) {
  const std::size_t mark = std::min(target.find('?'), target.size());
  std::string out = "/" + std::string(account) + std::string(target.substr(0, mark));
  std::string_view query = target.substr(std::min(mark + 1, target.size()));
  std::map<std::string, std::vector<std::string>> fields;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view field = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (field.empty()) continue;
    const std::size_t equals = std::min(field.find('='), field.size());
    fields[lower_case(http::percent_decode(field.substr(0, equals)))].push_back(
        http::percent_decode(field.substr(std::min(equals + 1, field.size()))));
  }
  for (auto& [name, values] : fields) {
    std::ranges::sort(values);
    out += "\n" + name + ":";
    for (std::size_t i = 0; i < values.size(); ++i)
      out.append(i == 0 ? "" : ",").append(values[i]);
  }
  return out;
}

std::string azure_string_to_sign(std::string_view account, const http::request& r) {
  std::string out = r.method + "\n";
  for (const char* const name : before_length)
    out += r.headers.get(name) + "\n";
  const std::uint64_t length = http::size_of(r.body);
  out += (length == 0 ? "" : std::to_string(length)) + "\n";
  for (const char* const name : after_length)
    out += r.headers.get(name) + "\n";
  return out + canonical_azure_headers(r.headers) + canonical_azure_resource(account, r.target);
}

std::string
azure_authorization(std::string_view account, const wale::secret& key, const http::request& r) {
  const sha256_value mac = hmac_sha256(key.reveal(), azure_string_to_sign(account, r));
  return "SharedKey " + std::string(account) + ":" + to_base64(mac);
}

} // namespace wale::store
