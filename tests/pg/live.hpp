#pragma once
// Runs a coroutine with a real server on each engine.

#include "support/postgres.hpp"

#include <wale/base/error.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/task.hpp>

#include <catch2/catch.hpp>

namespace wale::test {

/// `coroutine(runtime, arguments...)` on the ring and on the threads engine.
template <class Coroutine, class... Arguments>
void on_both_engines(Coroutine coroutine, Arguments&... arguments) {
  for (const io::engine_choice engine : {io::engine_choice::ring, io::engine_choice::threads}) {
    INFO((engine == io::engine_choice::ring ? "ring" : "threads"));
    io::runtime_options options;
    options.engine = engine;
    options.blocks = 1;
    options.workers = 2;
    options.handle_signals = false;
    io::runtime rt(options);
    rt.run(coroutine(rt, arguments...));
  }
}

/// What a coroutine failed with.
struct outcome {
  bool failed = false;
  kind why = kind::bug;
  explanation text = {};
  std::string sqlstate = {};
};
task<outcome> outcome_of(task<> work);

} // namespace wale::test
