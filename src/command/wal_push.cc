// wal-push: PostgreSQL's archive_command. Exit 0 means that the store has the named file, durable,
// with exactly its content. Neighbours are pushed beside it, which changes nothing about that.
#include "archive_file.hpp"
#include "cluster_guard.hpp"
#include "push_ahead.hpp"
#include "settings.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/io/deadline.hpp>
#include <wale/io/task_group.hpp>

#include <algorithm>
#include <exception>
#include <functional>
#include <memory>
#include <utility>

namespace wale::command {
namespace {

// Whose archive it is takes a request or two, during which the processors would be idle. The
// neighbours begin when the named file needs none any more.
task<> push(context c, archivable file, push_ahead& ahead, std::shared_ptr<cluster_check> check) {
  io::block_budget reading = co_await c.rt.blocks().reserve(1);
  io::block_budget budget = co_await reserve_for_push(c.rt, c.archive, file.size);
  push_terms terms;
  terms.compressed = [&ahead] { ahead.begin(); };
  terms.admission = [check] { return check->passed(); };
  std::function<task<>(io::task_group&)> body = [&](io::task_group& asking) -> task<> {
    asking.spawn(check->ask(file, std::move(reading)));
    co_await archive_file(c, file, std::move(budget), std::move(terms));
  };
  co_await io::scope(body);
  ahead.begin();
}

} // namespace

task<int> wal_push(context c) {
  // WAL-E takes 0 as 1.
  const std::size_t most = std::max<std::size_t>(c.line.number("pool-size", 0), 1) - 1;
  std::string path = c.line.operands.at(0);
  archivable file = co_await inspect(c.rt, std::move(path));
  std::string doing = "Archiving " + file.name.text;
  auto check = std::make_shared<cluster_check>(c.rt, c.archive);
  auto ahead = std::make_unique<push_ahead>(
      c, file, archive_identity(c.line.global, storage_prefix(c.line.global)), check, most);
  task<> work = push(c, std::move(file), *ahead, std::move(check));
  std::exception_ptr error;
  try {
    co_await io::within(c.rt, c.limit, std::move(doing), std::move(work));
  } catch (...) {
    error = std::current_exception();
  }
  const bool stored = !error;
  co_await push_ahead::end(std::move(ahead), stored);
  if (error) std::rethrow_exception(error);
  co_return 0;
}

} // namespace wale::command
