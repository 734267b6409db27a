// When credentials are asked for anew, and by whom.
#include "aws_cache.hpp"
#include "aws_fixture.hpp"
#include "refreshed.hpp"

#include <wale/io/event.hpp>

#include <memory>

using namespace wale;
using namespace wale::store;
using namespace wale::store::test;
using std::chrono::minutes;
using std::chrono::system_clock;

namespace {

struct script {
  int asked = 0;
  std::optional<system_clock::duration> lifetime = minutes(60);
  std::optional<kind> fails = {};
  bool held_back = false;
  io::event go;
};

class scripted_provider : public credential_provider {
public:
  explicit scripted_provider(script& s) : script_(s) {}
  task<std::optional<aws_credentials>> fetch() override {
    const int n = ++script_.asked;
    if (script_.held_back) co_await script_.go.wait();
    if (script_.fails) throw failure(*script_.fails, "scripted");
    aws_credentials keys;
    keys.key_id = std::to_string(n);
    if (script_.lifetime) keys.expiry = system_clock::now() + *script_.lifetime;
    co_return keys;
  }

private:
  script& script_;
};

struct caller {
  std::string got;
  std::optional<kind> failed;
};

task<> call(credential_source& source, caller& c) {
  try {
    const aws_credentials keys = co_await source.get();
    c.got = keys.key_id;
  } catch (const failure& f) {
    c.failed = f.why();
  }
}

std::unique_ptr<credential_source> source_of(script& s) {
  return make_refreshing(std::make_unique<scripted_provider>(s));
}

} // namespace

TEST_CASE("when to ask again") {
  const auto now = system_clock::now();
  CHECK(refresh_times_of({}, now, 0.5).ask == system_clock::time_point::max());
  const refresh_times hours = refresh_times_of(now + minutes(360), now, 0);
  CHECK(hours.ask == now + minutes(355));
  CHECK(hours.end == now + minutes(360));
  CHECK(
      refresh_times_of(now + minutes(360), now, 0.5).ask ==
      now + minutes(355) - std::chrono::seconds(30));
  // Short-lived ones: after three quarters.
  CHECK(refresh_times_of(now + minutes(4), now, 0).ask == now + minutes(3));
  // Expired at birth: our clock, or AWS, is out of order.
  const refresh_times old = refresh_times_of(now - minutes(30), now, 0);
  CHECK(old.ask == now + minutes(5));
  CHECK(old.end == system_clock::time_point::max());
}

WALE_IO_TEST("credentials are kept until they are forgotten") {
  script s;
  const auto source = source_of(s);
  caller c;
  co_await call(*source, c);
  co_await call(*source, c);
  CHECK(c.got == "1");
  CHECK(s.asked == 1);
  source->forget();
  co_await call(*source, c);
  CHECK(c.got == "2");
  source->forget();
  source->forget();
  co_await call(*source, c);
  CHECK(s.asked == 3);
}

WALE_IO_TEST("callers at the same time share one refresh") {
  script s;
  s.held_back = true;
  const auto source = source_of(s);
  std::array<caller, 5> callers;
  io::task_group group(rt.context().get_executor());
  for (caller& c : callers)
    group.spawn(call(*source, c));
  co_await turns();
  CHECK(s.asked == 1);
  s.go.notify_all();
  co_await group.join();
  CHECK(s.asked == 1);
  for (const caller& c : callers)
    CHECK(c.got == "1");
}

WALE_IO_TEST("callers at the same time share its failure, the next asks again") {
  script s;
  s.held_back = true;
  s.fails = kind::configuration;
  const auto source = source_of(s);
  std::array<caller, 3> callers;
  io::task_group group(rt.context().get_executor());
  for (caller& c : callers)
    group.spawn(call(*source, c));
  co_await turns();
  s.go.notify_all();
  co_await group.join();
  CHECK(s.asked == 1);
  for (const caller& c : callers)
    CHECK(c.failed == kind::configuration);
  s.held_back = false;
  s.fails.reset();
  caller next;
  co_await call(*source, next);
  CHECK(next.got == "2");
}

WALE_IO_TEST("when the one who refreshes is cancelled, another takes over") {
  script s;
  s.held_back = true;
  const auto source = source_of(s);
  caller first;
  caller second;
  io::task_group cancelled(rt.context().get_executor());
  io::task_group group(rt.context().get_executor());
  cancelled.spawn(call(*source, first));
  co_await turns();
  group.spawn(call(*source, second));
  co_await turns();
  cancelled.cancel();
  co_await cancelled.join();
  co_await turns();
  CHECK(first.failed == kind::interrupted);
  CHECK(s.asked == 2);
  s.go.notify_all();
  co_await group.join();
  CHECK(second.got == "2");
}

WALE_IO_TEST("a refresh ahead of the expiry that fails is no failure") {
  script s;
  caller c;
  // Again if we were held up in the last quarter of the two seconds.
  for (int i = 0; i < 5 && (i == 0 || c.failed); ++i) {
    s.asked = 0;
    s.fails.reset();
    s.lifetime = std::chrono::milliseconds(2000);
    c = {};
    const auto source = source_of(s);
    co_await call(*source, c);
    CHECK(c.got == "1");
    s.fails = kind::unavailable;
    // Due after three quarters.
    while (s.asked == 1 && !c.failed) {
      co_await rt.sleep(std::chrono::milliseconds(20));
      co_await call(*source, c);
    }
  }
  CHECK(s.asked == 2);
  CHECK(c.got == "1");
  CHECK_FALSE(c.failed);
}
