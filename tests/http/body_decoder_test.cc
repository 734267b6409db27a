// Bodies in every framing, cut at every byte.
#include "body_decoder.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>

using namespace wale;
using namespace wale::http;
using by = body_framing::by;

namespace {

std::string decode(body_decoder& d, std::string_view raw) {
  std::string bytes(raw);
  bytes.resize(d.decode(std::as_writable_bytes(std::span(bytes))));
  return bytes;
}

/// The payload of `raw`, given in pieces of `step`.
std::string decode(body_decoder& d, std::string_view raw, std::size_t step) {
  std::string payload;
  for (; !raw.empty(); raw.remove_prefix(std::min(step, raw.size())))
    payload += decode(d, raw.substr(0, step));
  return payload;
}

body_decoder chunked() {
  return body_decoder({by::chunks, 0});
}

bool is_refused(std::string_view raw) {
  for (const std::size_t step : {std::size_t{1}, raw.size()}) {
    body_decoder d = chunked();
    try {
      decode(d, raw, step);
      return false;
    } catch (const failure& f) {
      REQUIRE(f.why() == kind::unavailable);
    }
  }
  return true;
}

// The shape of RFC 9112, 7.1 with sizes in both cases, extensions (7.1.1) and trailers (7.1.2).
const std::string example =
    "4\r\nWiki\r\n7;name=\"va;lue\" ; b\r\npedia i\r\n0B \r\nn \r\nchunks.\r\n"
    "000;last\r\nExpires: never\r\nX: y\r\n\r\n";
const std::string payload = "Wikipedia in \r\nchunks.";

} // namespace

TEST_CASE("a chunked body, in pieces of every size") {
  for (std::size_t step = 1; step <= example.size(); ++step) {
    body_decoder d = chunked();
    REQUIRE(decode(d, example, step) == payload);
    REQUIRE(d.ended());
    REQUIRE(!d.has_excess());
    d.end_of_stream();
  }
}

TEST_CASE("a chunked body split in two at every byte, and cut there") {
  for (std::size_t at = 0; at < example.size(); ++at) {
    body_decoder d = chunked();
    std::string got = decode(d, example.substr(0, at));
    REQUIRE(!d.ended());
    body_decoder cut = d;
    REQUIRE_THROWS_AS(cut.end_of_stream(), failure);
    got += decode(d, example.substr(at));
    REQUIRE(got == payload);
    REQUIRE(d.ended());
  }
}

TEST_CASE("an empty chunked body, and what comes after its end") {
  body_decoder d = chunked();
  REQUIRE(decode(d, "0\r\n\r\n").empty());
  REQUIRE(d.ended());
  REQUIRE(!d.has_excess());
  REQUIRE(decode(d, "H").empty());
  REQUIRE(d.has_excess());
}

TEST_CASE("malformed chunks") {
  for (const char* raw :
       {"\r\n",
        "x\r\n",
        "-1\r\n",
        "+1\r\n",
        " 1\r\n",
        "0x1\r\n",
        "1g\r\n",
        ";a\r\n",
        "1\n",
        "1\rx",
        "1;a\n",
        "1;a\rx",
        "1\r\nab\r\n",
        "1\r\na\n",
        "1\r\na\rb",
        "0\r\n\n",
        "0\r\nA: b\n",
        "0\r\nA: b\rc",
        "0\r\n\rx",
        // Sixteen digits and more, also if they are zeros.
        "ffffffffffffffff\r\n",
        "10000000000000001\r\n",
        "0000000000000000\r\n"}) {
    INFO(raw);
    REQUIRE(is_refused(raw));
  }
  REQUIRE(is_refused("1;" + std::string(20'000, 'a')));
  REQUIRE(is_refused("0\r\n" + std::string(20'000, 'a')));
  std::string trailers = "0\r\n";
  for (int i = 0; i < 5000; ++i)
    trailers += "A: b\r\n";
  REQUIRE(is_refused(trailers));
}

TEST_CASE("the largest chunk that is believed") {
  body_decoder d = chunked();
  REQUIRE(decode(d, "fffffffffffffff\r\nabc") == "abc");
  REQUIRE(d.payload_ahead() == 0xffffffffffffffcULL);
}

TEST_CASE("a body with a length") {
  body_decoder d({by::length, 5});
  REQUIRE(d.knows_length());
  REQUIRE(d.payload_ahead() == 5);
  REQUIRE(decode(d, "ab") == "ab");
  REQUIRE(d.payload_ahead() == 3);
  body_decoder cut = d;
  REQUIRE_THROWS_AS(cut.end_of_stream(), failure);
  REQUIRE(decode(d, "cdeX") == "cde");
  REQUIRE(d.ended());
  REQUIRE(d.has_excess());
  REQUIRE(body_decoder({by::length, 0}).ended());
  REQUIRE(body_decoder({by::nothing, 0}).ended());
}

TEST_CASE("a body that the end of the connection ends") {
  body_decoder d({by::close, 0});
  REQUIRE(decode(d, "abc") == "abc");
  REQUIRE(!d.ended());
  d.end_of_stream();
  REQUIRE(d.ended());
}
