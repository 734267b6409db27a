// Shapes that g++ 12 compiles well, and those that only look like the bad ones. Not compiled.
#define AWAIT_ALL(x) \
  co_await all(req{x})
task<int> shapes(executor ex, condition c) {
  req r{.key = k};
  co_await f(std::move(r));
  auto [a, b] = co_await pair();
  table[co_await index()] = 1;
  co_await f(table[i], std::string("a?b{"), 'c', '{', 1'000'000);
  co_await f([] { return 1; });
  auto work = [x]() -> task<int> {
    co_return co_await g(x);
  };
  co_await work();
  if (c ? x : y) { co_await g(); }
  for (auto& part : co_await list()) { use(part ? 1 : 2); }
  while (auto block = co_await source.next()) { co_await sink.put(std::move(*block)); }
  switch (co_await state()) {
  case one: { use(req{}); break; }
  default: co_await g();
  }
  // co_await f(req{});
  auto text = R"(co_await f(req{}) ? 1 : 2)";
  try {
    co_await g();
  } catch (const failure& f) { use(thing{f}); }
  do { co_await g(); } while (c ? a : b);
  auto limit = c ? one : two;
  co_await g(limit);
  [[maybe_unused]] const bool done = co_await g();
  co_return;
}
struct holder {
  int member_{0};
  auto f() -> task<> { co_await g(); }
  task<> h() const { co_await g(); }
  task<> i() const noexcept { co_await g(); }
  holder() : a_{1}, b_{c ? 1 : 2} {}
};
