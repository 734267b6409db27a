// What is repeated, how often and after which pauses.
#include "answer.hpp"
#include "io/fixture.hpp"
#include "retrying_bench.hpp"
#include "support/captured_stderr.hpp"

#include <wale/base/log.hpp>

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::io::test;
using namespace std::chrono_literals;
using outcome = store::put_result::outcome;
using repeat = store::request_failure::repeat;
using test::answered;
using test::code_of;
using test::fault;
using test::retrying_bench;

namespace {

std::size_t occurrences(const std::string& text, std::string_view of) {
  std::size_t n = 0;
  for (std::size_t at = text.find(of); at != std::string::npos; at = text.find(of, at + 1))
    ++n;
  return n;
}

class late_body final : public io::source {
public:
  explicit late_body(int& closed) : closed_(closed) {}
  task<io::block> next() override { co_return io::block(); }
  task<> close() override {
    ++closed_;
    co_return;
  }

private:
  int& closed_;
};

// Has its answer in the very moment in which it is cancelled.
task<std::optional<store::opened_object>> open_late(io::runtime& rt, int& closed) {
  try {
    co_await rt.sleep(1h);
  } catch (const failure&) {
    closed = 0;
  }
  store::opened_object o;
  o.body = std::make_unique<late_body>(closed);
  co_return std::move(o);
}

} // namespace

TEST_CASE("pauses lie between the first and three times the one before") {
  store::retry_policy p;
  p.first_pause = 100ms;
  p.longest_pause = 20s;
  CHECK(store::next_pause(p, 0ms, 0ms, 0.0) == 100ms);
  CHECK(store::next_pause(p, 0ms, 0ms, 0.99) == 100ms);
  CHECK(store::next_pause(p, 100ms, 0ms, 0.0) == 100ms);
  CHECK(store::next_pause(p, 100ms, 0ms, 0.5) == 200ms);
  CHECK(store::next_pause(p, 300ms, 0ms, 0.75) == 700ms);
  CHECK(store::next_pause(p, 15s, 0ms, 0.999) == 20s);
  CHECK(store::next_pause(p, 20s, 0ms, 0.0) == 100ms);
}

TEST_CASE("a pause is at least what the server asked for") {
  const store::retry_policy p;
  CHECK(store::next_pause(p, 0ms, 7s, 0.0) == 7s);
  CHECK(store::next_pause(p, 0ms, 40s, 0.0) == 40s);
  CHECK(store::next_pause(p, 10s, 1s, 0.9) > 15s);
}

WALE_IO_TEST("what the network broke is sent again, whole") {
  retrying_bench b(rt);
  b.fail("put", test::broken_connection(), 3);
  const outcome what = co_await b.put();
  REQUIRE(what == outcome::stored);
  REQUIRE(b.server->count("put") == 4);
  REQUIRE(b.pauses == 3);
  REQUIRE(b.server->objects.at("k")->bytes == retrying_bench::content);
}

WALE_IO_TEST("what the server wants later comes later") {
  retrying_bench b(rt);
  b.fail("head", answered(repeat::later, "SlowDown"), 2);
  const auto facts = co_await b.bucket->head("k");
  REQUIRE_FALSE(facts);
  REQUIRE(b.server->count("head") == 3);
  REQUIRE(b.pauses == 2);
}

WALE_IO_TEST("what is final is told as it is") {
  retrying_bench b(rt);
  b.fail("put", answered(repeat::never, "AccessDenied"));
  auto error = co_await error_of(b.put_it());
  REQUIRE(code_of(error) == "AccessDenied");
  REQUIRE(failure_in(error).text().detail == "It said AccessDenied.");
  b.fail("put", std::make_exception_ptr(failure(kind::corrupt, "not what it was")));
  error = co_await error_of(b.put_it());
  REQUIRE(failure_in(error).why() == kind::corrupt);
  REQUIRE(b.server->count("put") == 2);
  REQUIRE(b.pauses == 0);
}

WALE_IO_TEST("three times in a row a mended driver needs no pause, then it does") {
  retrying_bench b(rt);
  b.fail("put", answered(repeat::at_once, "RequestTimeTooSkewed"), 3);
  co_await b.put();
  REQUIRE(b.server->count("put") == 4);
  REQUIRE(b.pauses == 0);
  b.fail("remove", answered(repeat::at_once, "ExpiredToken"), 8);
  std::vector<std::string> keys(1, "k");
  co_await b.bucket->remove(std::move(keys));
  REQUIRE(b.server->count("remove") == 9);
  REQUIRE(b.pauses == 2);
}

WALE_IO_TEST("the number of tries is limited, and told") {
  store::retry_policy p = retrying_bench::quick();
  p.attempts = 3;
  retrying_bench b(rt, p);
  b.fail("put", answered(repeat::later, "InternalError"), 100);
  const auto error = co_await error_of(b.put_it());
  REQUIRE(b.server->count("put") == 3);
  REQUIRE(code_of(error) == "InternalError");
  const std::string detail = failure_in(error).text().detail;
  REQUIRE(detail.starts_with("It said InternalError. Tried 3 times in "));
  REQUIRE(detail.ends_with(" s."));
}

WALE_IO_TEST("without a number of tries the budget ends them") {
  store::retry_policy p = retrying_bench::quick();
  p.attempts = 0;
  p.limit = 2s;
  retrying_bench b(rt, p);
  b.fail("list", test::broken_connection(), 1'000'000);
  const auto begun = std::chrono::steady_clock::now();
  std::exception_ptr error;
  try {
    co_await b.bucket->list("", "");
  } catch (...) {
    error = std::current_exception();
  }
  REQUIRE(std::chrono::steady_clock::now() - begun < 20s);
  REQUIRE(b.server->count("list") > 20);
  REQUIRE(failure_in(error).why() == kind::unavailable);
  REQUIRE(failure_in(error).text().detail.find("Tried ") != std::string::npos);
}

WALE_IO_TEST("a server that never answers takes no more than the budget") {
  store::retry_policy p = retrying_bench::quick();
  p.limit = 100ms;
  retrying_bench b(rt, p);
  b.fail("put", nullptr);
  const auto begun = std::chrono::steady_clock::now();
  const auto error = co_await error_of(b.put_it());
  const auto took = std::chrono::steady_clock::now() - begun;
  REQUIRE(took >= 100ms);
  REQUIRE(took < 10s);
  REQUIRE(failure_in(error).why() == kind::unavailable);
  REQUIRE(failure_in(error).text().detail.find("Storing \"k\"") != std::string::npos);
  REQUIRE(b.server->in_flight["put"] == 0);
}

WALE_IO_TEST("a request near the end of all of them still says what is wrong") {
  store::retry_policy p = retrying_bench::quick();
  p.attempts = 0;
  const auto begun = std::chrono::steady_clock::now();
  p.end = begun + 200ms;
  p.least = 100ms;
  retrying_bench b(rt, p);
  b.fail("put", test::broken_connection(), 1'000'000);
  for (int i = 0; i < 3; ++i) {
    const auto error = co_await error_of(b.put_it());
    const std::string detail = failure_in(error).text().detail;
    REQUIRE(failure_in(error).why() == kind::unavailable);
    REQUIRE(detail.find("Tried ") != std::string::npos);
  }
  const auto took = std::chrono::steady_clock::now() - begun;
  REQUIRE(took >= 300ms);
  REQUIRE(took < 10s);
}

WALE_IO_TEST("a server is given the time that it asks for") {
  retrying_bench b(rt);
  b.fail("put", answered(repeat::later, "SlowDown", 80ms));
  const auto begun = std::chrono::steady_clock::now();
  co_await b.put();
  REQUIRE(std::chrono::steady_clock::now() - begun >= 80ms);
}

WALE_IO_TEST("but not more than the budget") {
  retrying_bench b(rt);
  b.fail("put", answered(repeat::later, "SlowDown", 1h));
  const auto begun = std::chrono::steady_clock::now();
  const auto error = co_await error_of(b.put_it());
  REQUIRE(std::chrono::steady_clock::now() - begun < 10s);
  REQUIRE(code_of(error) == "SlowDown");
  REQUIRE(b.server->count("put") == 1);
}

WALE_IO_TEST("a cancelled request is not sent again") {
  store::retry_policy p = retrying_bench::quick();
  p.first_pause = p.longest_pause = 20s;
  retrying_bench b(rt, p);
  b.fail("put", test::broken_connection());
  io::task_group group(rt.context().get_executor());
  group.spawn(b.put_it());
  while (b.pauses == 0)
    co_await turns(1);
  group.cancel();
  co_await group.join();
  REQUIRE(b.server->count("put") == 1);
}

WALE_IO_TEST("beginning, parts, aborting, listing and opening are repeated") {
  retrying_bench b(rt);
  for (const char* operation : {"begin", "put_part", "abort", "list", "get", "unfinished"})
    b.fail(operation, test::broken_connection());
  b.keep("there", "another's");
  const store::upload u =
      co_await b.bucket->begin("k", store::object_description(), store::put_condition::none);
  http::body_pieces body(1, std::as_bytes(std::span(retrying_bench::content)));
  co_await b.bucket->put_part(u, 1, std::move(body));
  REQUIRE(b.server->uploads.at(u.id).parts.at(1) == retrying_bench::content);
  const auto unfinished = co_await b.bucket->unfinished("");
  REQUIRE(unfinished.size() == 1);
  co_await b.bucket->abort(u);
  REQUIRE(b.server->uploads.empty());
  const auto page = co_await b.bucket->list("", "");
  REQUIRE(page.objects.size() == 1);
  io::block_budget budget = co_await rt.blocks().reserve(1);
  auto opened = co_await b.bucket->get("there", 5, "", budget);
  const io::block bytes = co_await opened->body->next();
  REQUIRE(bytes.size() == retrying_bench::content.size() - 5);
  co_await opened->body->close();
  REQUIRE(b.server->requests.size() == 12);
}

WALE_IO_TEST("one warning tells of a storm, however many requests it meets") {
  std::string told;
  {
    const test::captured_stderr err;
    retrying_bench b(rt);
    b.fail("put", test::broken_connection("No route to host"), 4);
    b.fail("head", test::broken_connection(), 4);
    co_await b.put();
    co_await b.bucket->head("k");
    told = err.text();
  }
  REQUIRE(occurrences(told, "WARNING") == 1);
  REQUIRE(told.find("retrying after encountering exception") != std::string::npos); // WAL-E's
  REQUIRE(told.find("Storing \"k\" failed 1 time: ") != std::string::npos);
  REQUIRE(told.find("No route to host") != std::string::npos);
}

WALE_IO_TEST("a driver that mends its side is not worth a warning") {
  std::string told;
  {
    const test::captured_stderr err;
    retrying_bench b(rt);
    b.fail("put", answered(repeat::at_once, "ExpiredToken"));
    co_await b.put();
    told = err.text();
  }
  REQUIRE(told.empty());
}

WALE_IO_TEST("a body that was opened too late is closed") {
  int closed = -1;
  std::exception_ptr error;
  try {
    co_await store::answer_within(rt, 5ms, "Fetching", open_late(rt, closed));
  } catch (...) {
    error = std::current_exception();
  }
  REQUIRE(failure_in(error).why() == kind::unavailable);
  REQUIRE(closed == 1);
}

WALE_IO_TEST("what cannot be mended is repeated with a pause, and that is told") {
  std::string told;
  {
    const test::captured_stderr err;
    retrying_bench b(rt);
    b.fail("put", answered(repeat::at_once, "ExpiredToken"), 4);
    co_await b.put();
    told = err.text();
  }
  REQUIRE(occurrences(told, "WARNING") == 1);
  REQUIRE(told.find("ExpiredToken") != std::string::npos);
}
