// The exit-code table of docs/design.md, as code.
#include <wale/base/exit_code.hpp>

namespace wale {

int exit_code(kind k) noexcept {
  return k == kind::usage || k == kind::bug ? 2 : 1;
}

int wal_fetch_exit_code(kind k, restore_mode mode) noexcept {
  constexpr int end_of_wal_or_try_again = 1;
  constexpr int stop_the_server = 126; // above 125 PostgreSQL stops instead of promoting
  constexpr int terminated = 128 + 15; // PostgreSQL takes it for its own fast shutdown

  if (mode != restore_mode::targeted || k == kind::absent) return end_of_wal_or_try_again;
  return k == kind::interrupted ? terminated : stop_the_server;
}

} // namespace wale
