// usage: copy_file FROM TO
//
// Copies a file as the program's commands do, over the engine that WALE_IO names: what the trace
// tests look at.
#include <wale/base/log.hpp>
#include <wale/io/file.hpp>
#include <wale/io/runtime.hpp>

#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <string>
#include <utility>

using namespace wale;
using namespace wale::io;

namespace {

task<> copy(runtime& rt, std::string from, std::string to) {
  file in = co_await file::open(rt, from, O_RDONLY);
  file out = co_await file::open(rt, to, O_WRONLY | O_CREAT | O_EXCL, 0600);
  block_budget budget = co_await rt.blocks().reserve(1);
  std::uint64_t offset = 0;
  while (true) {
    block b = co_await budget.acquire();
    const std::size_t n = co_await in.read_at(offset, b.room());
    if (n == 0) break;
    b.append(n);
    co_await out.write_at(offset, b.bytes());
    offset += n;
  }
  co_await out.sync();
  out.close();
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  log::destinations d;
  d.to_syslog = false;
  d.least = log::level::debug;
  log::configure(d);
  try {
    runtime_options o;
    o.engine = engine_choice_from_environment();
    runtime rt(o);
    std::printf("%s\n", std::string(rt.engine().name()).c_str());
    rt.run(copy(rt, argv[1], argv[2]));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
