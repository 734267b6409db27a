// A body goes from the socket into blocks, without a copy if the connection is plain.
#include "client_state.hpp"

#include <wale/base/error.hpp>

#include <utility>

namespace wale::http {
namespace {

class body_source final : public io::source {
public:
  body_source(client::state& owner, lease l, io::block_budget& budget)
      : owner_(owner), lease_(std::move(l)), budget_(budget) {}

  task<io::block> next() override {
    io::block b;
    if (!lease_.held) co_return b;
    b = co_await budget_.acquire();
    while (!b.room().empty()) {
      const std::size_t n = co_await lease_.held->read_body(b.room());
      if (n == 0) break;
      b.append(n);
    }
    if (lease_.held->body_has_ended()) owner_.give_back(std::exchange(lease_, lease()));
    if (b.empty()) co_return io::block();
    co_return b;
  }

  task<> close() override {
    lease_.held.reset();
    co_return;
  }

private:
  client::state& owner_;
  lease lease_;
  io::block_budget& budget_;
};

} // namespace

std::unique_ptr<io::source>
make_body_source(client::state& owner, lease l, io::block_budget& budget) {
  return std::make_unique<body_source>(owner, std::move(l), budget);
}

} // namespace wale::http
