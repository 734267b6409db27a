// gpg may end before it has read everything; then its own words count, not our broken pipe.
#include "gpg_filter.hpp"

#include <wale/base/error.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <utility>

namespace wale::archive {

namespace {

constexpr unsigned patience_seconds = 10;
constexpr std::size_t longest_words = 8 * 1024;

// gpg may start an agent that stays. It gets nothing that is secret, and nothing that lets it find
// a terminal or a screen to ask on. Its words are to be English, its arguments UTF-8.
std::vector<std::string> environment() {
  std::vector<std::string> kept{"LC_ALL=C.UTF-8"};
  for (const char* name :
       {"HOME",
        "GNUPGHOME",
        "PATH",
        "USER",
        "LOGNAME",
        "TMPDIR",
        "XDG_RUNTIME_DIR",
        "LD_LIBRARY_PATH"})
    if (const char* value = std::getenv(name); value && *value)
      kept.push_back(std::string(name) + "=" + value);
  return kept;
}

} // namespace

io::program_call gpg_call(std::vector<std::string> options) {
  io::program_call call;
  call.arguments = {
      "gpg", "--batch", "--no-tty", "--no-auto-key-locate", "--disable-dirmngr", "--status-fd=2"};
  std::ranges::move(options, std::back_inserter(call.arguments));
  call.environment = environment();
  return call;
}

gpg_filter::gpg_filter(
    io::runtime& rt,
    const io::program_call& call,
    io::source& input,
    io::block front,
    io::block_budget& outputs)
    : runtime_(rt), input_(input), front_(std::move(front)), outputs_(outputs),
      children_(rt.context().get_executor()), ear_(4096) {
  try {
    child_.emplace(rt, call);
  } catch (const failure& f) {
    throw gpg_not_run(f);
  }
}

task<> gpg_filter::pour() {
  if (front_) co_await child_->input().write(front_.bytes());
  front_ = io::block();
  while (true) {
    input_is_late_ = true;
    const io::block b = co_await input_.next();
    input_is_late_ = false;
    if (!b) break;
    co_await child_->input().write(b.bytes());
    ++moved_;
  }
  fed_ = true;
}

task<> gpg_filter::feed() {
  try {
    co_await pour();
  } catch (const failure& f) {
    if (f.error_number() != EPIPE || input_is_late_) input_error_ = std::current_exception();
  } catch (...) {
    input_error_ = std::current_exception();
  }
  input_is_late_ = false;
  if (input_error_) child_->kill();
  child_->input().close();
}

// The last lines are kept: they say how it ended, after one or more for every recipient.
void gpg_filter::hear(std::size_t n) {
  said_.append(reinterpret_cast<const char*>(ear_.data()), n);
  if (said_.size() <= longest_words) return;
  const std::size_t cut = said_.size() - longest_words;
  const std::size_t line = said_.find('\n', cut);
  said_.erase(0, line == said_.npos ? cut : line + 1);
}

task<> gpg_filter::listen() {
  try {
    while (true) {
      const std::size_t n = co_await child_->errors().read_some(ear_);
      if (n == 0) co_return;
      hear(n);
    }
  } catch (const failure&) {
    // Words only: what matters is how it ends.
  }
}

// Seconds are counted, not compared: where we were stopped, gpg was too.
task<> gpg_filter::watch() {
  unsigned quiet = 0;
  std::uint64_t seen = 0;
  while (quiet < patience_seconds) {
    co_await runtime_.sleep(std::chrono::seconds(1));
    const bool is_owed = output_is_awaited_ && !input_is_late_ && seen == moved_;
    quiet = is_owed ? quiet + 1 : 0;
    seen = moved_;
  }
  stalled_ = true;
  child_->kill();
}

// Its end is waited for, not that of its standard error, which an agent it started might hold.
task<> gpg_filter::finish() {
  end_ = co_await child_->wait();
  output_is_awaited_ = false;
  const std::exception_ptr why = input_error_; // what cancelling adds is no reason
  children_.cancel();
  co_await children_.join();
  while (const std::size_t n = child_->errors().read_now(ear_))
    hear(n);
  report_ = gpg_report::parse(said_);
  ended_ = true;
  if (why) std::rethrow_exception(why);
  if (stalled_) throw gpg_stalled(report_);
}

task<io::block> gpg_filter::next() {
  if (ended_) co_return io::block();
  if (!std::exchange(started_, true)) {
    children_.spawn(feed());
    children_.spawn(listen());
    children_.spawn(watch());
  }
  io::block b = co_await outputs_.acquire();
  output_is_awaited_ = true;
  const std::size_t n = co_await child_->output().read_full(b.room());
  ++moved_;
  if (n == 0) {
    co_await finish();
    co_return io::block();
  }
  output_is_awaited_ = false;
  b.append(n);
  co_return std::move(b);
}

task<> gpg_filter::close() {
  ended_ = true;
  if (child_) child_->kill();
  children_.cancel();
  try {
    co_await children_.join();
  } catch (const failure&) {
    // Only a cancellation of this wait: the children have ended, and their failures were kept.
  }
  try {
    if (child_) co_await child_->wait();
  } catch (const failure&) {
    // The destructor waits instead.
  }
  child_.reset();
  front_ = io::block();
}

} // namespace wale::archive
