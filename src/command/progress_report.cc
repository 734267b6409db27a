// A second coroutine beside the work, which ends with it.
#include "progress_report.hpp"

#include <wale/base/log.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>

#include <utility>

namespace wale::command {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds repainting{500};
constexpr std::chrono::seconds between_records{30};

void record(const std::string& doing, const progress& p) {
  std::vector<log::field> fields{
      {"bytes", std::to_string(p.done)},
      {"rate", std::to_string(static_cast<std::uint64_t>(p.bytes_per_second))}};
  if (p.total > 0) {
    fields.push_back({"total", std::to_string(p.total)});
    fields.push_back({"percent", std::to_string(per_cent(p))});
  }
  log::info(
      "wal_e.operator.backup", {doing + " in progress", describe(p) + "."}, std::move(fields));
}

class metered_source final : public io::source {
public:
  metered_source(std::unique_ptr<io::source> bytes, progress_meter& meter)
      : bytes_(std::move(bytes)), meter_(meter) {}

  task<io::block> next() override {
    io::block b = co_await bytes_->next();
    if (b) meter_.add(b.size());
    co_return b;
  }
  task<> close() override { return bytes_->close(); }

private:
  std::unique_ptr<io::source> bytes_;
  progress_meter& meter_;
};

task<> end_with(task<> work, io::task_group& group) {
  co_await std::move(work);
  group.cancel();
}

task<> tell(io::runtime& rt, progress_meter& meter, const progress_style& style) {
  for (std::chrono::milliseconds pause = style.first;; pause = style.interval) {
    co_await rt.sleep(pause);
    style.tell(meter.sample(clock::now()));
  }
}

} // namespace

progress_style progress_style_here(std::string doing) {
  if (log::has_terminal())
    return {
        std::chrono::milliseconds(0),
        repainting,
        [doing](const progress& p) { log::show_status(doing + ": " + describe(p)); },
        [] { log::show_status(""); }};
  return {
      between_records, between_records, [doing](const progress& p) { record(doing, p); }, [] {}};
}

std::unique_ptr<io::source> metered(std::unique_ptr<io::source> bytes, progress_meter& meter) {
  return std::make_unique<metered_source>(std::move(bytes), meter);
}

task<> with_progress(io::runtime& rt, progress_meter& meter, progress_style style, task<> work) {
  io::task_group group(rt.context().get_executor());
  group.spawn(tell(rt, meter, style));
  group.spawn(end_with(std::move(work), group));
  std::exception_ptr error;
  try {
    co_await group.join();
  } catch (...) {
    error = std::current_exception();
  }
  style.end();
  if (error) std::rethrow_exception(error);
}

} // namespace wale::command
