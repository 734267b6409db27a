#pragma once
// The Swift store over a small Swift in memory.

#include "fake_swift.hpp"
#include "scripted_store.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace wale::test {

inline constexpr const char* the_secret = "SECRET-testing";

inline std::unique_ptr<store::store> open_swift(
    io::runtime& rt,
    const fake_swift& server,
    variables more = {},
    const std::string& prefix = "swift://container/p") {
  variables usual{
      {"SWIFT_AUTHURL", server.auth_url()},
      {"SWIFT_AUTH_VERSION", "1"},
      {"SWIFT_USER", "test:tester"},
      {"SWIFT_PASSWORD", the_secret},
      {"WALE_RETRIES", "4"}};
  return store::open_store(rt, prefix, settings_of(std::move(usual), std::move(more)));
}

struct swift_bench {
  fake_swift server;
  io::runtime rt;
  std::unique_ptr<store::store> s;
  explicit swift_bench(variables more = {}) : s(open_swift(rt, server, std::move(more))) {}

  std::size_t count(const std::string& method, const std::string& part_of_target = "") {
    const auto all = server.peer().requests();
    return static_cast<std::size_t>(std::ranges::count_if(all, [&](const received_request& r) {
      return r.method == method && r.target.find(part_of_target) != std::string::npos;
    }));
  }
  std::size_t segments() const {
    const auto all = server.objects();
    return static_cast<std::size_t>(std::ranges::count_if(
        all, [](const auto& o) { return o.first.starts_with("/p/segments_005/"); }));
  }
};

inline bool is_manifest(const received_request& r) {
  return r.method == "PUT" && r.target.find("multipart-manifest=put") != std::string::npos;
}

inline bool is_about_data(const received_request& r) {
  return r.target.find("/AUTH_test") != std::string::npos;
}

} // namespace wale::test
