#pragma once
// The store on Google Cloud Storage over a small one in memory.

#include "fake_gcs.hpp"
#include "scripted_store.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace wale::test {

inline std::unique_ptr<store::store>
open_gcs(io::runtime& rt, variables all, const std::string& prefix = "gs://bucket/p") {
  all.emplace("WALE_RETRIES", "4");
  return store::open_store(rt, prefix, settings_of(std::move(all)));
}

struct gcs_bench {
  fake_gcs server;
  io::runtime rt;
  std::unique_ptr<store::store> s;
  gcs_bench() : s(open_gcs(rt, {{"STORAGE_EMULATOR_HOST", server.endpoint()}})) {}

  std::vector<received_request> requests(const std::string& method) {
    std::vector<received_request> found;
    for (const received_request& r : server.peer().requests())
      if (r.method == method) found.push_back(r);
    return found;
  }
  std::vector<std::string> ranges() {
    std::vector<std::string> found;
    for (const received_request& r : requests("PUT"))
      found.push_back(r.header("Content-Range"));
    return found;
  }
};

/// A token endpoint and a metadata server in one, which gives `token-1`, `token-2`, ...
struct token_server {
  std::atomic<int> given = 0;
  std::atomic<int> status = 200;
  scripted_peer peer{[this](const received_request&) {
    answer a;
    a.status = status;
    a.headers = {{"Metadata-Flavor", "Google"}};
    a.body = status == 200 ? R"({"access_token":"token-)" + std::to_string(++given) +
                                 R"(","expires_in":3599,"token_type":"Bearer"})"
                           : R"({"error":"invalid_grant","error_description":"Bad Request"})";
    return a;
  }};
};

} // namespace wale::test
