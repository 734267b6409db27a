// What happens on a socket before HTTP with the origin begins.
#include "dialer.hpp"

#include "connector.hpp"
#include "tls_stream.hpp"

#include <wale/base/error.hpp>

#include <boost/asio/io_context.hpp>

#include <cerrno>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace wale::http {
namespace {

/// A proxy that says more than this about a tunnel has misunderstood.
constexpr std::size_t largest_tunnel_head = 16 * 1024;

failure refusal_of(int status) {
  const std::string text = "the proxy answered CONNECT with status " + std::to_string(status);
  if (status == 407)
    return failure(
        kind::configuration, text, {}, "Put user and password into HTTPS_PROXY, or mend them.");
  if (status == 403 || status == 405)
    return failure(
        kind::configuration, text, {}, "Does the proxy allow this server? Name it in NO_PROXY?");
  return failure(kind::unavailable, text);
}

task<> open_tunnel(io::socket& proxy, std::string request) {
  co_await proxy.write(bytes_of(request));
  std::vector<std::byte> answer(largest_tunnel_head);
  std::size_t got = 0;
  std::size_t size = 0;
  while (size == 0) {
    if (got == answer.size())
      throw failure(kind::unavailable, "the proxy's answer to CONNECT is too long");
    const std::size_t n = co_await proxy.read_some(std::span(answer).subspan(got));
    if (n == 0) throw failure::system(ECONNRESET, "recv", "the proxy closed the connection");
    size = head_size(std::span(answer).first(got + n), got);
    got += n;
  }
  const answer_head head = parse_head(std::span(answer).first(size), false);
  if (head.status < 200 || head.status > 299) throw refusal_of(head.status);
  // TLS begins with us: bytes from the other side would be the proxy's own.
  if (size < got)
    throw failure(kind::unavailable, "the proxy says more than that the tunnel is open");
}

/// One phase on a socket: its failure has context, its deadline is told as such.
[[noreturn]] void rethrow_in(
    const std::exception_ptr& error,
    const deadline_watch& watch,
    const std::string& doing,
    const std::string& peer) {
  try {
    std::rethrow_exception(error);
  } catch (const failure& f) {
    if (f.why() == kind::interrupted) throw;
    if (watch.expired()) throw watch.expiry(peer);
    const int number = f.error_number();
    throw f.with_msg(doing + " " + peer + ": " + (number ? describe_errno(number) : f.text().msg));
  }
}

} // namespace

task<std::unique_ptr<connection>> dial(
    io::runtime& rt, const client_options& options, tls_context& tls, route along, dialing limits) {
  const std::string peer = along.text();
  const origin& next = along.via ? along.via->origin : along.to;
  io::socket socket = co_await connect_to(rt, next.host, next.port, limits.connect, peer);

  deadline_watch watch(rt.context());
  watch.watch(socket.descriptor());
  watch.begin(limits.tls * 2);
  std::unique_ptr<byte_stream> stream;
  std::exception_ptr error;
  const char* doing = "open a tunnel to";
  try {
    if (along.tunnels()) {
      watch.enter(phase::tunnel, limits.tls);
      co_await open_tunnel(socket, write_connect(along.to, along.via->authorization));
    }
    if (along.to.secure()) {
      doing = "TLS with";
      watch.leave();
      co_await tls.prepare(rt);
      watch.enter(phase::handshake, limits.tls);
      stream = co_await make_tls_stream(rt, std::move(socket), tls.make(along.to));
    } else {
      stream = make_plain_stream(rt, std::move(socket));
    }
  } catch (...) {
    error = std::current_exception();
  }
  watch.watch(-1);
  if (error) rethrow_in(error, watch, doing, peer);
  co_return std::make_unique<connection>(rt, std::move(stream), options, peer);
}

} // namespace wale::http
