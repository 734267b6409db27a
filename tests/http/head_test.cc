// Heads both ways.
#include "head.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::http;
using by = body_framing::by;

namespace {

const origin server{"http", "example.com", 8080};

answer_head parse(std::string_view text, bool of_head_request = false) {
  return parse_head(bytes_of(text), of_head_request);
}

failure refused(std::string_view text) {
  try {
    parse(text);
  } catch (const failure& f) {
    return f;
  }
  FAIL("it was accepted");
  std::abort();
}

failure refused(const request& r) {
  try {
    write_head(r, server, {});
  } catch (const failure& f) {
    return f;
  }
  FAIL("it was written");
  std::abort();
}

const std::string ok = "HTTP/1.1 200 OK\r\n";

} // namespace

TEST_CASE("our head, with what every request needs") {
  request r;
  r.target = "/bucket/a%20b?x=1";
  r.headers.add("x-amz-date", "20130524T000000Z");
  r.headers.add("Range", "bytes=0-9");
  REQUIRE(
      write_head(r, server, {}) == "GET /bucket/a%20b?x=1 HTTP/1.1\r\n"
                                   "Host: example.com:8080\r\n"
                                   "x-amz-date: 20130524T000000Z\r\n"
                                   "Range: bytes=0-9\r\n"
                                   "User-Agent: wal-e\r\n\r\n");
}

TEST_CASE("a Host that is signed is not touched, a body has its length") {
  request r;
  r.method = "PUT";
  r.headers.add("host", "bucket.example.com");
  r.headers.add("user-agent", "x");
  r.body = {bytes_of("abc"), bytes_of("de")};
  head_form form;
  form.expect_continue = true;
  REQUIRE(
      write_head(r, server, form) == "PUT / HTTP/1.1\r\nhost: bucket.example.com\r\n"
                                     "user-agent: x\r\nContent-Length: 5\r\n"
                                     "Expect: 100-continue\r\n\r\n");
  r.body.clear();
  REQUIRE(write_head(r, server, {}).find("Content-Length: 0\r\n") != std::string::npos);
  r.method = "DELETE";
  REQUIRE(write_head(r, server, {}).find("Content-Length") == std::string::npos);
}

TEST_CASE("heads for proxies") {
  head_form form;
  form.absolute = true;
  form.proxy_authorization = "Basic dTpw";
  const std::string head = write_head({}, server, form);
  REQUIRE(head.starts_with("GET http://example.com:8080/ HTTP/1.1\r\nHost: example.com:8080\r\n"));
  REQUIRE(head.find("\r\nProxy-Authorization: Basic dTpw\r\n") != std::string::npos);
  // RFC 9112, 3.2.3.
  REQUIRE(
      write_connect({"https", "server.example.com", 443}, "") ==
      "CONNECT server.example.com:443 HTTP/1.1\r\nHost: server.example.com:443\r\n\r\n");
  REQUIRE(write_connect({"https", "::1", 8443}, "").starts_with("CONNECT [::1]:8443 HTTP/1.1\r\n"));
}

TEST_CASE("nothing breaks out of our head") {
  for (const char* value : {"a\r\nX-Injected: secret", "secret\n", "\rsecret", "secret\x01"}) {
    request r;
    r.headers.add("x-amz-storage-class", value);
    const failure f = refused(r);
    REQUIRE(f.why() == kind::configuration);
    REQUIRE(f.text().detail.find("x-amz-storage-class") != std::string::npos);
    REQUIRE(f.text().detail.find("secret") == std::string::npos);
  }
  for (const char* name :
       {"", "a b", "a:", "a\r\nb", "Content-Length", "transfer-encoding", "Expect"}) {
    request r;
    r.headers.add(name, "1");
    REQUIRE(refused(r).why() == kind::bug);
  }
  for (const char* target : {"", "a", "/a b", "/a\r\nb", "/\xc3\xa9", "http://other/"}) {
    request r;
    r.target = target;
    REQUIRE(refused(r).why() == kind::bug);
  }
  for (const char* method : {"", "GET /x", "G\r\n"}) {
    request r;
    r.method = method;
    REQUIRE(refused(r).why() == kind::bug);
  }
}

TEST_CASE("where a head ends") {
  const std::string text = "HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\r\n\r\n";
  const std::size_t size = text.find("body");
  for (std::size_t n = 0; n <= text.size(); ++n) {
    const auto part = bytes_of(text).first(n);
    for (std::size_t searched = 0; searched <= std::min(n, size - 1); ++searched)
      REQUIRE(head_size(part, searched) == (n < size ? 0 : size));
  }
}

TEST_CASE("their head") {
  // RFC 9112 has the form; a reason may be missing.
  const answer_head h = parse("HTTP/1.1 404 \r\nx-amz-request-id:  a b\t\r\nETag: \"1\"\r\n"
                              "etag: \"2\"\r\nContent-Length: 12\r\n\r\n");
  REQUIRE(h.status == 404);
  REQUIRE(h.headers.get("X-Amz-Request-Id") == "a b");
  REQUIRE(h.headers.get("ETag") == "\"1\"");
  REQUIRE(h.framing.what == by::length);
  REQUIRE(h.framing.length == 12);
  REQUIRE(h.keeps_alive);
}

TEST_CASE("which body follows (RFC 9112, 6.3)") {
  REQUIRE(parse(ok + "\r\n").framing.what == by::close);
  REQUIRE(!parse(ok + "\r\n").keeps_alive);
  REQUIRE(parse(ok + "Transfer-Encoding: Chunked\r\n\r\n").framing.what == by::chunks);
  REQUIRE(parse(ok + "Content-Length: 0\r\n\r\n").framing.what == by::length);
  REQUIRE(parse(ok + "Content-Length: 5\r\n\r\n", true).framing.what == by::nothing);
  REQUIRE(parse(ok + "Transfer-Encoding: chunked\r\n\r\n", true).framing.what == by::nothing);
  for (const char* status : {"100 Continue", "204 No Content", "304 Not Modified"}) {
    const answer_head h =
        parse("HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 5\r\n\r\n");
    REQUIRE(h.framing.what == by::nothing);
    REQUIRE(h.keeps_alive);
  }
}

TEST_CASE("whether the connection goes on") {
  const std::string length = "Content-Length: 1\r\n";
  REQUIRE(parse(ok + length + "\r\n").keeps_alive);
  REQUIRE(!parse(ok + length + "Connection: Close\r\n\r\n").keeps_alive);
  REQUIRE(!parse("HTTP/1.0 200 OK\r\n" + length + "\r\n").keeps_alive);
  REQUIRE(parse("HTTP/1.0 200 OK\r\n" + length + "Connection: keep-alive\r\n\r\n").keeps_alive);
}

TEST_CASE("heads that are refused") {
  for (const std::string& text : std::vector<std::string>{
           "\r\n\r\n",
           "HTTP/1.1\r\n\r\n",
           "HTTP/1.1 2x0 OK\r\n\r\n",
           "HTTP/3.0 200 OK\r\n\r\n",
           "ICY 200 OK\r\n\r\n",
           "<html>\r\n\r\n",
           ok + "no colon\r\n\r\n",
           ok + "a b: c\r\n\r\n",
           ok + "A: b\x01\r\n\r\n",
           ok + "Content-Length: -5\r\n\r\n",
           ok + "Content-Length: +5\r\n\r\n",
           ok + "Content-Length: 0x5\r\n\r\n",
           ok + "Content-Length: 5 5\r\n\r\n",
           ok + "Content-Length:\r\n\r\n",
           ok + "Content-Length: 99999999999999999999\r\n\r\n",
           ok + "Content-Length: 18446744073709551615\r\n\r\n",
           ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
           ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
           ok + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
           ok + "Transfer-Encoding: gzip, chunked\r\n\r\n",
           ok + "Transfer-Encoding: gzip\r\n\r\n",
           ok + "Transfer-Encoding: identity\r\n\r\n"}) {
    INFO(text);
    REQUIRE(refused(text).why() == kind::unavailable);
  }
}
