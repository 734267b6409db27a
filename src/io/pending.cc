// Nodes are invoked directly: everything that waits lives on the one I/O thread, so there is no
// executor to hop to.
#include "pending.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>

#include <array>
#include <climits>
#include <memory>
#include <unistd.h>
#include <utility>

namespace wale::io {

namespace {

const char* name_of(op_kind k) noexcept {
  switch (k) {
  case op_kind::nop:
    return "nop";
  case op_kind::open:
    return "open";
  case op_kind::read:
    return "read";
  case op_kind::write:
  case op_kind::writev:
    return "write";
  case op_kind::fsync:
    return "fsync";
  case op_kind::connect:
    return "connect";
  case op_kind::recv:
  case op_kind::recv_all:
    return "recv";
  case op_kind::send:
  case op_kind::sendv:
    return "send";
  case op_kind::poll:
    return "poll";
  }
  return "operation";
}

// The kernel knows the path of a descriptor.
std::string object_of(const operation& op) {
  if (op.path) return op.path;
  std::array<char, PATH_MAX> target;
  const std::string link = "/proc/self/fd/" + std::to_string(op.fd);
  const ssize_t n = ::readlink(link.c_str(), target.data(), target.size());
  return n > 0 ? std::string(target.data(), static_cast<std::size_t>(n)) : link;
}

} // namespace

struct pending_set::node : operation {
  node(const operation& op, pending_set& owner, engine& carrier, completion&& done)
      : operation(op), owner_(&owner), carrier_(&carrier), done_(std::move(done)) {}

  pending_set* owner_;
  engine* carrier_;
  completion done_;
  node* before_ = nullptr;
  node* after_ = nullptr;
};

void pending_set::start(engine& carrier, const operation& op, completion&& done) {
  node* const n = new node(op, *this, carrier, std::move(done));
  n->complete = &finish;
  n->after_ = first_;
  if (first_) first_->before_ = n;
  first_ = n;
  auto slot = boost::asio::get_associated_cancellation_slot(n->done_);
  if (slot.is_connected()) {
    slot.assign([n](boost::asio::cancellation_type) { n->carrier_->cancel(*n); });
  }
  carrier.start(*n);
}

void pending_set::finish(operation* self, int result) noexcept {
  const std::unique_ptr<node> n(static_cast<node*>(self));
  auto slot = boost::asio::get_associated_cancellation_slot(n->done_);
  if (slot.is_connected()) slot.clear();
  n->owner_->unlink(*n);
  std::move(n->done_)(result);
}

void pending_set::unlink(node& n) noexcept {
  if (n.before_) {
    n.before_->after_ = n.after_;
  } else {
    first_ = n.after_;
  }
  if (n.after_) n.after_->before_ = n.before_;
}

std::vector<std::string> pending_set::describe() const {
  std::vector<std::string> texts;
  for (const node* n = first_; n; n = n->after_) {
    texts.push_back(std::string(name_of(n->kind)) + " \"" + object_of(*n) + "\"");
  }
  return texts;
}

void pending_set::abandon() noexcept {
  // Destroying a handler destroys the coroutine that waits, and with it perhaps other handlers.
  while (node* const n = first_) {
    unlink(*n);
    delete n;
  }
}

} // namespace wale::io
