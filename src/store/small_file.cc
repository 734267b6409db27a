#include "small_file.hpp"

#include <wale/base/error.hpp>
#include <wale/io/file.hpp>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <span>

namespace wale::store {

task<std::optional<std::string>>
read_small_file(io::runtime& rt, std::string path, std::size_t limit) {
  io::file f;
  bool absent = false;
  try {
    f = co_await io::file::open(rt, path, O_RDONLY);
  } catch (const failure& e) {
    absent = e.error_number() == ENOENT || e.error_number() == ENOTDIR;
    if (!absent) throw;
  }
  if (absent) co_return std::nullopt;
  std::string text(limit + 1, '\0');
  const auto into = std::as_writable_bytes(std::span(text));
  const std::size_t size = co_await f.read_at(0, into);
  f.close();
  if (size > limit)
    throw failure(
        kind::configuration,
        "a file is too long for what it should be",
        "\"" + path + "\" is longer than " + std::to_string(limit) + " bytes.");
  text.resize(size);
  co_return text;
}

task<std::string> read_token_file(io::runtime& rt, std::string path, std::string variable) {
  std::optional<std::string> text = co_await read_small_file(rt, path, 64 * 1024);
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  std::string wrong = "does not exist";
  if (text) {
    while (!text->empty() && blank(text->back()))
      text->pop_back();
    text->erase(0, text->find_first_not_of(" \t\r\n"));
    wrong = "is empty";
    if (std::ranges::any_of(*text, control)) wrong = "holds more than a token";
  }
  if (!text || text->empty() || std::ranges::any_of(*text, control))
    throw failure(
        kind::configuration,
        "a token file cannot be used",
        variable + " names \"" + path + "\", which " + wrong + ".");
  co_return *text;
}

} // namespace wale::store
