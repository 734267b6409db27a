#pragma once
// Bytes through a gpg process: one coroutine feeds it, one listens to what it says, one sees to it
// that it goes on, and next() takes its output.

#include "gpg_report.hpp"

#include <wale/io/process.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/stream.hpp>
#include <wale/io/task_group.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace wale::archive {

/// `gpg` with the options that all calls have, then these; and an environment without secrets.
io::program_call gpg_call(std::vector<std::string> options);

class gpg_filter {
public:
  /// `input` and `outputs` must outlive it; `front` goes before the input. Throws gpg_not_run().
  gpg_filter(
      io::runtime& rt,
      const io::program_call& call,
      io::source& input,
      io::block front,
      io::block_budget& outputs);

  /// The next block of output, or an empty handle once gpg has ended; then report() and
  /// exit_code() are final. Throws what the input throws, and gpg_stalled().
  task<io::block> next();
  /// Ends gpg and all that goes on, not the input.
  task<> close();

  const gpg_report& report() const noexcept { return report_; }
  int exit_code() const noexcept { return end_.exit_code; }
  /// Whether gpg has read the input to its end.
  bool has_read_all() const noexcept { return fed_; }

private:
  task<> feed();
  task<> pour();
  task<> listen();
  task<> watch();
  task<> finish();
  void hear(std::size_t n);

  io::runtime& runtime_;
  io::source& input_;
  io::block front_;
  io::block_budget& outputs_;
  std::optional<io::child_process> child_;
  io::task_group children_;
  std::string said_;
  std::vector<std::byte> ear_;
  gpg_report report_;
  io::program_end end_;
  std::exception_ptr input_error_;
  std::uint64_t moved_ = 0;        ///< blocks to and from gpg
  bool input_is_late_ = false;     ///< gpg waits for us
  bool output_is_awaited_ = false; ///< we wait for gpg
  bool fed_ = false;
  bool stalled_ = false;
  bool started_ = false;
  bool ended_ = false;
};

} // namespace wale::archive
