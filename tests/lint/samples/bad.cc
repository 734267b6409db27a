// Every statement marked `bad:` makes g++ 12 destroy a temporary twice, or would be one edit away
// from it. Not compiled; read by test_coawait.py, which expects exactly the marked lines.
task<int> shapes(executor ex, condition c) {
  co_await co_spawn(ex, [x]() -> task<> { co_return; }, use); // bad: a capturing lambda
  co_await [&x]() -> task<> { co_return; }();                 // bad: a capturing lambda
  co_await f(req{.key = k});                                  // bad: a braced temporary
  co_await f({k, b});                                         // bad: a braced temporary
  req r{.a = x, .b = co_await g()};                           // bad: a braced temporary
  auto v = vector{co_await a(), co_await b()};                // bad: a braced temporary
  auto t = c ? co_await a() : b;                              // bad: ?:
  co_await (c ? a() : b());                                   // bad: ?:
  if (co_await f(req{k})) {                                   // bad: a braced temporary
    co_return co_await f(std::string{"a"});                   // bad: a braced temporary
  }
  for (auto& part : co_await list(options{.all = true})) {    // bad: a braced temporary
    use(part);
  }
  run([=] {
    return [=]() -> task<> {
      co_await write(c ? 1 : 2);                              // bad: ?:
    };
  });
  co_return co_await with(
      pool, 1,                                                // the await is two lines up:
      [p = move(p)](auto& x) { return x.run(p); });
}
