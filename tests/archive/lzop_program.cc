// The real lzop, and bytes to feed it with.
#include "lzop_program.hpp"

#include <wale/archive/lzop.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <sys/wait.h>

namespace wale::archive::test {

namespace {

/// A directory of its own, removed with all it holds.
class scratch_directory {
public:
  scratch_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "wale-lzop-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~scratch_directory() { std::filesystem::remove_all(path_); }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  std::string file(const char* name) const { return (path_ / name).string(); }

private:
  std::filesystem::path path_;
};

} // namespace

run_result run_lzop(const std::string& arguments, const std::string& input) {
  const scratch_directory scratch;
  const std::string in = scratch.file("a file with a name");
  const std::string out = scratch.file("output");
  std::ofstream(in, std::ios::binary) << input;
  std::string command = "lzop " + arguments;
  if (const auto at = command.find("FILE"); at != std::string::npos)
    command.replace(at, 4, "'" + in + "'");
  else
    command += " < '" + in + "'";
  const int status = std::system((command + " > '" + out + "' 2>/dev/null").c_str());
  std::ifstream result(out, std::ios::binary);
  return {
      WIFEXITED(status) ? WEXITSTATUS(status) : -1,
      std::string(std::istreambuf_iterator<char>(result), {})};
}

std::string noise(std::size_t size, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& c : bytes)
    c = static_cast<char>(random());
  return bytes;
}

std::string text(std::size_t size, std::uint32_t seed) {
  static constexpr const char* words[] = {
      "page ", "tuple ", "xid=", "lsn 0/", "commit\n", "heap ", "7"};
  std::mt19937 random(seed);
  std::string bytes;
  while (bytes.size() < size)
    bytes += words[random() % std::size(words)];
  bytes.resize(size);
  return bytes;
}

std::string zeros(std::size_t size) {
  return std::string(size, '\0');
}

std::vector<std::pair<std::string, std::string>> samples() {
  constexpr std::size_t block = lzop_block_limit;
  std::vector<std::pair<std::string, std::string>> all;
  for (std::size_t size :
       {std::size_t{0},
        std::size_t{1},
        std::size_t{1000},
        block - 1,
        block,
        block + 1,
        3 * block - 1,
        3 * block,
        3 * block + 1}) {
    const std::string of = " of " + std::to_string(size);
    all.emplace_back("noise" + of, noise(size));
    all.emplace_back("text" + of, text(size));
    all.emplace_back("zeros" + of, zeros(size));
  }
  all.emplace_back("a mixture", text(block / 2) + noise(2 * block) + zeros(block) + text(block));
  return all;
}

std::string encode(const std::string& plain, std::size_t block_size) {
  const auto append = [](std::string& to, std::span<const std::byte> bytes) {
    to.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  std::string compressed;
  append(compressed, lzop_header({0100600, 1700000000}));
  for (std::size_t at = 0; at < plain.size(); at += block_size) {
    std::string block = plain.substr(at, block_size);
    const lzop_encoded encoded = lzop_encode(std::as_writable_bytes(std::span(block)));
    append(compressed, encoded.head);
    compressed.append(block, 0, encoded.size);
  }
  append(compressed, lzop_end);
  return compressed;
}

std::string decode(const std::string& compressed, std::size_t piece) {
  lzop_parser parser;
  std::string plain;
  std::optional<lzop_block> block;
  std::vector<std::span<const std::byte>> stored;
  for (std::size_t at = 0; at < compressed.size(); at += piece) {
    auto input = bytes_of(compressed).subspan(at, std::min(piece, compressed.size() - at));
    while (true) {
      if (!block && !(block = parser.next_block(input))) break;
      if (!input.empty()) stored.push_back(parser.take_stored(input));
      if (parser.stored_left() != 0) break;
      plain.resize(plain.size() + block->plain_size);
      lzop_decode(*block, stored, std::as_writable_bytes(std::span(plain)).last(block->plain_size));
      stored.clear();
      block.reset();
    }
  }
  parser.finish();
  return plain;
}

} // namespace wale::archive::test
