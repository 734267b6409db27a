// Failpoints: counted over all threads, in the order in which the operations begin.
#include <wale/io/failpoint.hpp>

#ifdef WALE_FAILPOINTS

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <signal.h>
#include <string_view>
#include <unistd.h>

namespace wale::io {

namespace {

enum class action { none, kill, term, enospc };

struct settings {
  action what = action::none;
  unsigned long at = 0;

  settings() noexcept {
    const char* const text = std::getenv("WALE_FAILPOINT");
    if (!text) return;
    const std::string_view word(text);
    const auto colon = word.find(':');
    if (colon == std::string_view::npos) return;
    const auto name = word.substr(0, colon);
    if (name == "kill") what = action::kill;
    if (name == "term") what = action::term;
    if (name == "enospc") what = action::enospc;
    at = std::strtoul(text + colon + 1, nullptr, 10);
  }
};

std::atomic<unsigned long> count = 0;

void write_count() noexcept {
  std::FILE* const f = std::fopen(std::getenv("WALE_FAILPOINT_COUNT"), "we");
  if (!f) return;
  std::fprintf(f, "%lu\n", count.load());
  std::fclose(f);
}

} // namespace

int failpoint() noexcept {
  static const settings chosen;
  static const bool counting = std::getenv("WALE_FAILPOINT_COUNT") != nullptr &&
                               std::atexit(write_count) == 0 &&
                               std::at_quick_exit(write_count) == 0;
  (void)counting;
  if (++count != chosen.at) return 0;
  switch (chosen.what) {
  case action::kill:
    ::kill(::getpid(), SIGKILL);
    ::pause();
    return EINTR;
  case action::term:
    ::kill(::getpid(), SIGTERM);
    return 0;
  case action::enospc:
    return ENOSPC;
  case action::none:
    return 0;
  }
  return 0;
}

} // namespace wale::io

#endif
