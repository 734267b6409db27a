// Whom we believe.
#include "client_fixture.hpp"
#include "support/scratch_dir.hpp"
#include "support/test_certificates.hpp"

#include <wale/base/error.hpp>

#include <openssl/ssl.h>

using namespace wale;
using namespace wale::http;
using namespace wale::http::test;
using namespace std::chrono_literals;
using wale::test::certificate;

namespace {

answer fine(const received_request& r) {
  answer a;
  a.body = r.body;
  return a;
}

scripted_peer secure(certificate which = certificate::good, int newest = 0) {
  peer_options o;
  o.tls = true;
  o.certificate = which;
  o.newest_tls = newest;
  return scripted_peer(fine, o);
}

body_pieces pieces_of(const std::string& text, std::size_t size) {
  body_pieces pieces;
  for (std::size_t at = 0; at < text.size(); at += size)
    pieces.push_back(bytes_of(std::string_view(text).substr(at, size)));
  return pieces;
}

origin named(const scripted_peer& p) {
  origin o = origin_of(p);
  o.host = "localhost";
  return o;
}

} // namespace

WALE_IO_TEST("a name and an address that the certificate is for") {
  const scripted_peer p = secure();
  client c(rt, trusting());
  co_await c.warm_up(named(p));
  const std::string body = noise(3'000'000);
  for (const origin& to : {named(p), origin_of(p)}) {
    const outcome o = co_await try_perform(c, to, put("/", body));
    REQUIRE(o.status() == 200);
    REQUIRE(o.reply->body == body);
  }
  const auto requests = p.requests();
  REQUIRE(requests.size() == 2);
  REQUIRE(requests[0].server_name == "localhost");
  REQUIRE(requests[1].server_name.empty()); // RFC 6066, section 3: never an address
  co_await c.close();
}

WALE_IO_TEST("an authority that is not trusted") {
  const scripted_peer p = secure(certificate::unknown_ca);
  client c(rt, trusting());
  const outcome o = co_await try_perform(c, named(p), get("/"));
  REQUIRE(o.what().why() == kind::configuration);
  REQUIRE(o.msg() == "TLS with " + named(p).text() + ": the server's certificate is not trusted");
  REQUIRE(o.what().text().detail == "unable to get local issuer certificate");
  REQUIRE(o.what().text().hint.find("WALE_CA_FILE") != std::string::npos);
  REQUIRE(p.requests().empty());
}

WALE_IO_TEST("our authority is not trusted unless it is configured") {
  const scripted_peer p = secure();
  client c(rt, {});
  const outcome o = co_await try_perform(c, named(p), get("/"));
  REQUIRE(o.what().why() == kind::configuration);
}

WALE_IO_TEST("an authority in a directory of hashed certificates, as the system has them") {
  const wale::test::scratch_dir dir;
  client_options o;
  o.ca_directory = dir.path();
  const scripted_peer p = secure();
  client stranger(rt, o);
  const outcome refused = co_await try_perform(stranger, named(p), get("/"));
  REQUIRE(refused.what().why() == kind::configuration);

  std::filesystem::copy_file(wale::test::ca_file(), dir / wale::test::hashed_ca_name());
  client c(rt, o);
  const outcome believed = co_await try_perform(c, named(p), get("/"));
  REQUIRE(believed.status() == 200);
  co_await c.close();
}

WALE_IO_TEST("a certificate for somebody else") {
  const scripted_peer p = secure(certificate::wrong_name);
  client c(rt, trusting());
  const outcome name = co_await try_perform(c, named(p), get("/"));
  REQUIRE(name.what().why() == kind::configuration);
  REQUIRE(name.what().text().detail == "hostname mismatch");
  const outcome address = co_await try_perform(c, origin_of(p), get("/"));
  REQUIRE(address.what().why() == kind::configuration);
  REQUIRE(address.what().text().detail == "IP address mismatch");
  REQUIRE(p.requests().empty());
}

WALE_IO_TEST("TLS 1.2 is spoken, 1.1 is not") {
  const scripted_peer good = secure(certificate::good, TLS1_2_VERSION);
  client c(rt, trusting());
  const outcome o = co_await try_perform(c, named(good), get("/"));
  REQUIRE(o.status() == 200);
  co_await c.close();

  gate said;
  std::string versions;
  const scripted_peer old({[&](peer_connection& peer) {
    versions = peer.read(11);
    // Alert: fatal, protocol_version (RFC 8446, 6).
    peer.send(std::string_view("\x15\x03\x01\x00\x02\x02\x46", 7));
    said.open();
  }});
  origin to = origin_of(old);
  to.scheme = "https";
  const outcome refused = co_await try_perform(c, to, get("/"));
  REQUIRE(refused.what().why() == kind::unavailable);
  REQUIRE(refused.msg().find("TLS with " + to.text() + ": TLS failed") == 0);
  REQUIRE(said.wait_for(60s));
  // The record and the hello inside it begin with versions; 0x0303 is TLS 1.2.
  REQUIRE(versions[9] == 3);
  REQUIRE(versions[10] == 3);
}

WALE_IO_TEST("sessions are resumed") {
  for (const int newest : {0, TLS1_2_VERSION}) {
    const scripted_peer p = secure(certificate::good, newest);
    client c(rt, trusting());
    for (int i = 0; i < 3; ++i) {
      const outcome o = co_await try_perform(c, named(p), get("/"));
      REQUIRE(o.status() == 200);
      co_await c.close();
    }
    REQUIRE(p.connections() == 3);
    REQUIRE(p.resumed() == 2);
  }
}

WALE_IO_TEST(
    "a server that wants new keys again and again while a body is on its way gets it whole") {
  const std::string body = noise(32'000'000);
  constexpr std::size_t piece = 250'000;
  std::string received;
  int renewed = 0;
  gate said;
  peer_options options;
  options.tls = true;
  const scripted_peer p(
      {[&](peer_connection& peer) {
        peer.read_head();
        while (received.size() < body.size()) {
          if (peer.renew_keys()) ++renewed;
          const std::string more = peer.read(piece);
          if (more.empty()) break;
          received += more;
        }
        said.open();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      }},
      options);
  client c(rt, trusting());
  request r = put("/", body);
  r.body = pieces_of(body, 250'000);
  const outcome o = co_await try_perform(c, named(p), std::move(r));
  REQUIRE(said.wait_for(60s));
  REQUIRE(o.status() == 200);
  const bool is_whole = received == body;
  REQUIRE(is_whole);
  REQUIRE(renewed == 128);
  co_await c.close();
}

WALE_IO_TEST("a plain server is no TLS server, and a stream that is cut is not an end") {
  const scripted_peer plain({[](peer_connection& c) {
    c.read(5);
    c.send("HTTP/1.1 400 Bad Request\r\n\r\n");
  }});
  client c(rt, trusting());
  origin to = origin_of(plain);
  to.scheme = "https";
  const outcome o = co_await try_perform(c, to, get("/"));
  REQUIRE(o.what().why() == kind::unavailable);
  REQUIRE(o.what().text().detail == "wrong version number");

  for (const bool clean : {true, false}) {
    peer_options options;
    options.tls = true;
    const scripted_peer p(
        {[clean](peer_connection& peer) {
          peer.read_request();
          peer.send("HTTP/1.1 200 OK\r\n\r\nall that there is");
          // A reset sends no close_notify.
          if (!clean) peer.reset();
        }},
        options);
    const outcome r = co_await try_perform(c, named(p), get("/"));
    if (clean) {
      REQUIRE(r.reply->body == "all that there is");
    } else {
      REQUIRE(r.what().why() == kind::unavailable);
    }
  }
  co_await c.close();
}

WALE_IO_TEST("trust that cannot be loaded") {
  client_options o;
  o.ca_file = "/does/not/exist";
  const scripted_peer p = secure();
  client c(rt, o);
  for (int i = 0; i < 2; ++i) {
    const outcome r = co_await try_perform(c, named(p), get("/"));
    REQUIRE(r.what().why() == kind::configuration);
    REQUIRE(r.what().text().detail.find("/does/not/exist") != std::string::npos);
  }
  // Nothing of it is looked at for a plain server.
  const scripted_peer plain(fine);
  const outcome r = co_await try_perform(c, origin_of(plain), get("/"));
  REQUIRE(r.status() == 200);
  co_await c.close();
}
