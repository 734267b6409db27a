#pragma once
// Repeated requests to a fake bucket, with pauses as short as tests want them, counted by the
// random numbers they take.

#include "retrying.hpp"
#include "store/fake_bucket.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wale::test {

struct retrying_bench {
  static constexpr std::string_view content = "what is stored";

  explicit retrying_bench(io::runtime& rt, store::retry_policy p = quick())
      : bucket(store::make_retrying(
            rt, make_fake_bucket(rt, server), p, [this] { return ++pauses, 0.0; })) {}
  retrying_bench(const retrying_bench&) = delete;
  retrying_bench& operator=(const retrying_bench&) = delete;

  static store::retry_policy quick() {
    store::retry_policy p;
    p.first_pause = std::chrono::milliseconds(1);
    p.longest_pause = std::chrono::milliseconds(5);
    p.limit = std::chrono::seconds(30);
    return p;
  }

  void fail(std::string operation, std::exception_ptr error, int times = 1, bool done = false) {
    fault f;
    f.operation = std::move(operation);
    f.error = std::move(error);
    f.times = times;
    f.done = done;
    server->faults.push_back(std::move(f));
  }

  void keep(const std::string& key, std::string token) const {
    fake_object o;
    o.bytes = content;
    o.description.token = std::move(token);
    server->store_object(key, std::move(o));
  }

  task<store::put_result::outcome>
  put(store::put_condition condition = store::put_condition::create_only) {
    store::object_description d;
    d.token = "mine";
    http::body_pieces body(1, std::as_bytes(std::span(content)));
    co_return co_await bucket->put("k", std::move(d), std::move(body), condition);
  }

  task<> put_it() { co_await put(); }

  // An upload of one part, up to its completion.
  task<store::put_result::outcome> put_in_parts() {
    store::object_description d;
    d.token = "mine";
    const store::upload u =
        co_await bucket->begin("k", std::move(d), store::put_condition::create_only);
    http::body_pieces body(1, std::as_bytes(std::span(content)));
    std::vector<store::uploaded_part> parts(1);
    parts[0] = co_await bucket->put_part(u, 1, std::move(body));
    co_return co_await bucket->complete(u, parts);
  }

  task<> put_in_parts_it() { co_await put_in_parts(); }

  std::shared_ptr<fake_server> server = std::make_shared<fake_server>();
  int pauses = 0;
  std::unique_ptr<store::bucket> bucket;
};

inline std::string code_of(const std::exception_ptr& error) {
  REQUIRE(error);
  try {
    std::rethrow_exception(error);
  } catch (const store::request_failure& f) {
    return f.code();
  } catch (const failure&) {
    return "none";
  }
}

} // namespace wale::test
