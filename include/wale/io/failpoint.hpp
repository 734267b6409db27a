#pragma once
// Failpoints: the program wal-e-failpoints of the tests counts every file operation, on the engine
// and in fs, and at the N-th does what WALE_FAILPOINT says: `kill:N` SIGKILLs this process,
// `term:N` sends it SIGTERM, `enospc:N` fails the operation. With WALE_FAILPOINT_COUNT=FILE the
// number of operations is written there at exit. In wal-e itself nothing of this exists.

namespace wale::io {

#ifdef WALE_FAILPOINTS
/// Counts one operation. Returns 0, or the errno the operation must fail with.
int failpoint() noexcept;
#else
inline int failpoint() noexcept {
  return 0;
}
#endif

} // namespace wale::io
