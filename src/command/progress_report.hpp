#pragma once
// Telling people how far a long command is: one line of the terminal that changes, or, where there
// is none, a log record each 30 seconds.

#include "progress.hpp"

#include <wale/io/runtime.hpp>
#include <wale/io/stream.hpp>
#include <wale/io/task.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace wale::command {

/// How it is told; `end`, which must not throw, when there is no more to tell.
struct progress_style {
  std::chrono::milliseconds first;    ///< until the first time
  std::chrono::milliseconds interval; ///< from one time to the next
  std::function<void(const progress&)> tell;
  std::function<void()> end;
};

/// The style for this process's stderr. `doing` names the work: `backup-push`.
progress_style progress_style_here(std::string doing);

/// The same bytes, counted.
std::unique_ptr<io::source> metered(std::unique_ptr<io::source> bytes, progress_meter& meter);

/// Awaits `work` and tells meanwhile how far the meter is. `work` and the caller share the meter,
/// which must outlive this.
task<> with_progress(io::runtime& rt, progress_meter& meter, progress_style style, task<> work);

} // namespace wale::command
