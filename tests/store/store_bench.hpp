#pragma once
// An object store over a fake bucket, with pauses as short as tests want them.

#include "object_store.hpp"
#include "retrying.hpp"
#include "store/conformance.hpp"
#include "store/fake_bucket.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace wale::test {

inline constexpr std::size_t part_bytes = 24 * io::block::payload;

inline store::retry_policy quick() {
  store::retry_policy p;
  p.first_pause = std::chrono::milliseconds(1);
  p.longest_pause = std::chrono::milliseconds(5);
  p.limit = std::chrono::seconds(30);
  return p;
}

/// Without the decorator, so that a request that fails, fails; only bodies are resumed.
struct store_bench {
  explicit store_bench(std::string root = "prefix/", store::retry_policy p = quick())
      : root_(std::move(root)), policy_(p) {}

  std::unique_ptr<store::store> open(io::runtime& rt) const {
    return store::make_object_store(rt, make_fake_bucket(rt, server), root_, policy_);
  }

  fault& add(std::string operation, std::exception_ptr error = broken_connection()) const {
    fault f;
    f.operation = std::move(operation);
    f.error = std::move(error);
    return server->faults.emplace_back(std::move(f));
  }

  std::shared_ptr<fake_server> server = std::make_shared<fake_server>();

private:
  std::string root_;
  store::retry_policy policy_;
};

} // namespace wale::test
