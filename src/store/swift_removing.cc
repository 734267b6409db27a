#include "swift_removing.hpp"

#include "swift_json.hpp"

#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace wale::store {
namespace {

constexpr std::size_t single_removals_at_once = 16;
constexpr std::size_t bulk_removals_at_once = 4;

struct removal {
  swift_account& account;
  std::string container;
  swift_requests requests;
  std::vector<std::string> names;
  std::size_t batch_size = 1;
  std::size_t next = 0;
  std::vector<failed_removal> failed = {};

  question about(const std::string& name) const {
    return {"could not remove objects", "swift://" + container + name};
  }

  std::vector<std::string> take_batch() {
    const std::size_t n = std::min(batch_size, names.size() - next);
    const auto begin = names.begin() + static_cast<std::ptrdiff_t>(next);
    next += n;
    return {begin, begin + static_cast<std::ptrdiff_t>(n)};
  }

  task<> work() {
    while (next < names.size()) {
      std::vector<std::string> batch = take_batch();
      if (batch.size() == 1)
        co_await remove_one(std::move(batch.front()));
      else
        co_await remove_batch(std::move(batch));
    }
  }

  task<> remove_one(std::string name) {
    http::request r = requests.remove(name);
    const http::reply answer = co_await account.send(std::move(r));
    if (answer.status >= 200 && answer.status < 300) co_return;
    const swift_verdict v = judge_swift(about(name), answer);
    if (v.meaning == swift_meaning::not_there) co_return;
    if (v.meaning != swift_meaning::final) throw account.mend(v);
    failed.push_back(refusal(std::move(name), std::to_string(answer.status)));
  }

  task<> remove_batch(std::vector<std::string> batch) {
    const question q = about(batch.front());
    const std::string body = compose_bulk_delete(container, batch);
    http::request r = requests.bulk_remove(body);
    const http::reply answer = co_await account.send(std::move(r));
    if (answer.status != 200) throw account.mend(judge_swift(q, answer));
    swift_removals told = parse_bulk_delete(container, answer.body);
    if (told.status == 200 && told.failed.empty()) co_return;
    // Not the request but what it was made into was refused.
    http::response inner = answer;
    inner.status = told.status;
    const swift_verdict v = judge_swift(q, inner);
    if (v.meaning != swift_meaning::final || told.failed.empty()) throw account.mend(v);
    for (const failed_removal& f : told.failed)
      if (std::erase(batch, f.key) != 0) failed.push_back(refusal(f.key, f.code));
    // Servers stop after many failures, and some write names in another way: what became of the
    // others is then not known.
    if (told.gone == batch.size()) co_return;
    for (std::string& name : batch)
      co_await remove_one(std::move(name));
  }

  static failed_removal refusal(std::string name, std::string code) {
    failed_removal f;
    f.key = std::move(name);
    f.code = std::move(code);
    f.message = "the server refused to remove it";
    return f;
  }
};

} // namespace

task<std::vector<failed_removal>>
remove_names(swift_account& account, std::string container, std::vector<std::string> names) {
  if (names.empty()) co_return std::vector<failed_removal>();
  swift_requests requests(container);
  removal all{account, std::move(container), std::move(requests), std::move(names)};
  if (all.names.size() > 1) all.batch_size = co_await account.removals_at_once();
  const std::size_t most = all.batch_size > 1 ? bulk_removals_at_once : single_removals_at_once;
  const std::size_t batches = (all.names.size() + all.batch_size - 1) / all.batch_size;
  io::task_group group(account.runtime().context().get_executor());
  for (std::size_t i = 0; i < std::min(most, batches); ++i)
    group.spawn(all.work());
  co_await group.join();
  co_return std::move(all.failed);
}

} // namespace wale::store
