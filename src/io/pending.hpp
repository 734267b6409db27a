#pragma once
// Operations on their way, with the handler that waits for each.
//
// A node lives from start() to the completion. What is left when the loop ends is destroyed by
// abandon(), handlers uncalled, after the engine's shutdown has taken the kernel's hands off it.

#include <wale/io/engine.hpp>

#include <boost/asio/any_completion_handler.hpp>

#include <string>
#include <vector>

namespace wale::io {

using completion = boost::asio::any_completion_handler<void(int)>;

class pending_set {
public:
  pending_set() noexcept = default;
  pending_set(const pending_set&) = delete;
  pending_set& operator=(const pending_set&) = delete;
  ~pending_set() { abandon(); }

  /// Starts a copy of `op`; `done` is called on the I/O thread with its result. A cancellation
  /// through the handler's slot cancels the operation.
  void start(engine& carrier, const operation& op, completion&& done);
  void abandon() noexcept;
  /// What is on its way, for people: `read "/mnt/nfs/a"`.
  std::vector<std::string> describe() const;

private:
  struct node;
  static void finish(operation* self, int result) noexcept;
  void unlink(node& n) noexcept;

  node* first_ = nullptr;
};

} // namespace wale::io
