#include "refused_together.hpp"

#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <ctime>
#include <utility>

namespace wale::test {
namespace {

task<> put_one(io::runtime& rt, store::store& s, std::string key) {
  io::block_budget budget = co_await rt.blocks().reserve(1);
  const auto body = make_source(std::move(budget), "content of " + key);
  store::put_request request;
  request.key = key_of(key);
  co_await s.put(std::move(request), *body);
}

task<> put_both(io::runtime& rt, store::store& s) {
  io::task_group group(rt.context().get_executor());
  group.spawn(put_one(rt, s, "wal_005/a"));
  group.spawn(put_one(rt, s, "wal_005/b"));
  co_await group.join();
}

} // namespace

void put_two(io::runtime& rt, store::store& s) {
  rt.run(put_both(rt, s));
}

std::function<std::optional<answer>(const received_request&)>
refusing_two_together(std::function<bool(const received_request&)> is_wrong, answer refusal) {
  refusal.after = std::make_shared<gate>();
  const auto refused = std::make_shared<std::atomic<int>>(0);
  return [=](const received_request& r) -> std::optional<answer> {
    if (!is_wrong(r)) return std::nullopt;
    if (++*refused == 2) refusal.after->open();
    return refusal;
  };
}

std::string in_an_hour(const char* form) {
  const std::time_t theirs = std::time(nullptr) + 3600;
  std::tm utc{};
  gmtime_r(&theirs, &utc);
  char text[64];
  std::strftime(text, sizeof text, form, &utc);
  return text;
}

} // namespace wale::test
