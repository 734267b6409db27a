// Bytes as they are: what the caller holds goes to the kernel and comes from it.
#include "byte_stream.hpp"

#include <wale/base/error.hpp>

#include <algorithm>
#include <climits>
#include <span>
#include <sys/uio.h>
#include <vector>

namespace wale::http {
namespace {

/// Bytes that one system call gathers, but for the end of the last piece. The kernel copies them
/// while nothing else happens on the loop: 6 MiB would take it milliseconds.
constexpr std::size_t gathered_bytes = 512 * 1024;

unsigned pieces_at_once(std::span<const iovec> pieces) {
  unsigned n = 0;
  for (std::size_t bytes = 0; n < pieces.size() && bytes < gathered_bytes; ++n)
    bytes += pieces[n].iov_len;
  return std::min(n, unsigned{IOV_MAX});
}

class plain_stream final : public byte_stream {
public:
  plain_stream(io::runtime& rt, io::socket connected)
      : runtime_(rt), socket_(std::move(connected)) {}

  task<std::size_t> read_some(std::span<std::byte> into) override {
    return socket_.read_some(into);
  }
  task<std::size_t> read_exactly(std::span<std::byte> into) override {
    return socket_.read_exactly(into);
  }
  int descriptor() const noexcept override { return socket_.descriptor(); }

  // Everything small goes in one call, together with the beginning of what is large; the rest of
  // that piece by piece, each sent whole without coming back here.
  task<> write(std::span<const std::span<const std::byte>> pieces) override {
    std::vector<iovec> parts;
    for (const auto& piece : pieces) {
      if (piece.empty()) continue;
      parts.push_back({const_cast<std::byte*>(piece.data()), piece.size()});
    }
    for (std::size_t at = 0; at < parts.size();) {
      std::size_t n = 0;
      if (parts.size() - at > 1) n = co_await send(parts, at);
      while (at < parts.size() && n >= parts[at].iov_len)
        n -= parts[at++].iov_len;
      if (at == parts.size()) break;
      const std::span whole(static_cast<const std::byte*>(parts[at].iov_base), parts[at].iov_len);
      co_await socket_.write(whole.subspan(n));
      ++at;
    }
  }

private:
  task<std::size_t> send(const std::vector<iovec>& parts, std::size_t from) {
    io::operation op;
    op.kind = io::op_kind::sendv;
    op.fd = socket_.descriptor();
    op.vectors = parts.data() + from;
    op.vector_count = pieces_at_once(std::span(parts).subspan(from));
    const int n = co_await runtime_.perform(op);
    if (n < 0) throw failure::system(-n, "send", "a network connection failed");
    co_return static_cast<std::size_t>(n);
  }

  io::runtime& runtime_;
  io::socket socket_;
};

} // namespace

std::unique_ptr<byte_stream> make_plain_stream(io::runtime& rt, io::socket connected) {
  return std::make_unique<plain_stream>(rt, std::move(connected));
}

} // namespace wale::http
