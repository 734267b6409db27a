// Whose object it is that a repeated put meets, and a completion.
#include "answer.hpp"
#include "io/fixture.hpp"
#include "retrying_bench.hpp"

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

WALE_IO_TEST("a put that meets its own object has stored it") {
  retrying_bench b(rt);
  b.fail("put", test::broken_connection(), 1, true);
  const outcome what = co_await b.put();
  REQUIRE(what == outcome::stored);
  REQUIRE(b.server->count("put") == 2);
  REQUIRE(b.server->count("head") == 1);
}

WALE_IO_TEST("a put that meets another's object has not") {
  retrying_bench b(rt);
  b.keep("k", "another's");
  outcome what = co_await b.put();
  REQUIRE(what == outcome::exists);
  b.fail("put", test::broken_connection());
  what = co_await b.put();
  REQUIRE(what == outcome::exists);
  b.keep("k", "");
  b.fail("put", test::broken_connection());
  what = co_await b.put();
  REQUIRE(what == outcome::exists);
}

WALE_IO_TEST("an object with our mark and another size is not ours") {
  retrying_bench b(rt);
  b.keep("k", "mine");
  b.server->understated = 1;
  b.fail("put", test::broken_connection());
  const outcome what = co_await b.put();
  REQUIRE(what == outcome::exists);
}

WALE_IO_TEST("a look that fails is repeated too") {
  retrying_bench b(rt);
  b.fail("put", test::broken_connection(), 1, true);
  b.fail("head", test::broken_connection(), 2);
  const outcome what = co_await b.put();
  REQUIRE(what == outcome::stored);
  REQUIRE(b.server->count("head") == 3);
}

WALE_IO_TEST("an upload that is gone after a lost answer is stored if the object is ours") {
  retrying_bench b(rt);
  b.fail("complete", test::broken_connection(), 1, true);
  const outcome what = co_await b.put_in_parts();
  REQUIRE(what == outcome::stored);
  REQUIRE(b.server->count("complete") == 2);
  REQUIRE(b.server->objects.at("k")->bytes == retrying_bench::content);
}

WALE_IO_TEST("a server that has only an internal error for a completed upload is not asked on") {
  retrying_bench b(rt);
  b.fail("complete", test::broken_connection(), 1, true);
  b.fail("complete", answered(repeat::later, "InternalError"), 1000);
  const outcome what = co_await b.put_in_parts();
  REQUIRE(what == outcome::stored);
  REQUIRE(b.server->count("complete") == 2);
}

WALE_IO_TEST("an upload that is gone without our object is a failure") {
  retrying_bench b(rt);
  b.keep("k", "another's");
  b.fail("complete", test::broken_connection());
  b.fail("complete", answered(repeat::never, "NoSuchUpload"));
  const auto error = co_await error_of(b.put_in_parts_it());
  REQUIRE(code_of(error) == "NoSuchUpload");
  REQUIRE(b.server->count("head") == 1);
}

WALE_IO_TEST("a first refusal of a completion is believed without a look") {
  retrying_bench b(rt);
  b.fail("complete", answered(repeat::never, "NoSuchUpload"));
  const auto error = co_await error_of(b.put_in_parts_it());
  REQUIRE(code_of(error) == "NoSuchUpload");
  REQUIRE(b.server->count("head") == 0);
}

WALE_IO_TEST("what a completion meets may be our own, which the client sent twice") {
  retrying_bench b(rt);
  b.keep("k", "another's");
  outcome what = co_await b.put_in_parts();
  REQUIRE(what == outcome::exists);
  b.keep("k", "mine");
  what = co_await b.put_in_parts();
  REQUIRE(what == outcome::stored);
  REQUIRE(b.server->count("head") == 2);
}
