// The version is only told, never relied upon: whatever goes wrong, the major version is known.
#include "installed_version.hpp"

#include <wale/base/error.hpp>
#include <wale/io/deadline.hpp>
#include <wale/io/process.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <unistd.h>
#include <utility>

namespace wale::command {
namespace {

constexpr std::string_view product = "PostgreSQL ";
constexpr std::chrono::seconds patience{10};

task<> ask_pg_config(io::runtime& rt, std::string& answer) {
  io::program_call call;
  call.arguments = {"pg_config", "--version"};
  for (char** variable = ::environ; *variable; ++variable)
    call.environment.emplace_back(*variable);
  io::child_process program(rt, call);
  std::array<std::byte, 512> buffer;
  const std::size_t n = co_await program.output().read_full(buffer);
  program.output().close();
  const io::program_end end = co_await program.wait();
  if (end.exit_code != 0) co_return;
  answer.assign(reinterpret_cast<const char*>(buffer.data()), n);
  answer.resize(std::min(answer.find('\n'), answer.size()));
}

int number_at(std::string_view& text) {
  int n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc{} ? n : 0;
}

} // namespace

task<std::string> installed_version(io::runtime& rt, std::string major) {
  std::string answer;
  try {
    co_await io::within(rt, patience, "pg_config", ask_pg_config(rt, answer));
  } catch (const failure& f) {
    if (f.why() == kind::interrupted) throw;
  }
  if (is_of_major(answer, major)) co_return answer;
  co_return std::string(product) + major;
}

int version_number(std::string_view text) {
  if (!text.starts_with(product)) return 0;
  text.remove_prefix(product.size());
  std::array<int, 3> parts{};
  for (int& part : parts) {
    part = number_at(text);
    if (!text.starts_with('.')) break;
    text.remove_prefix(1);
  }
  const auto [first, second, third] = parts;
  return first >= 10 ? first * 10000 + second : first * 10000 + second * 100 + third;
}

bool is_of_major(std::string_view text, std::string_view major) {
  const std::string start = std::string(product) + std::string(major);
  const bool goes_on =
      text.size() > start.size() && text[start.size()] >= '0' && text[start.size()] <= '9';
  return text.starts_with(start) && !goes_on;
}

} // namespace wale::command
