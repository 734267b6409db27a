#pragma once
// The real lzop, and bytes to feed it with.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace wale::archive::test {

struct run_result {
  int exit_code;
  std::string output;
};
/// Runs `lzop ARGUMENTS` with `input` on its standard input, or, where the arguments name FILE, in
/// a regular file whose name stands in its place.
run_result run_lzop(const std::string& arguments, const std::string& input);

/// Bytes that are the same in every run: noise, text of words, or zeros.
std::string noise(std::size_t size, std::uint32_t seed = 1);
std::string text(std::size_t size, std::uint32_t seed = 1);
std::string zeros(std::size_t size);
/// Each kind at the sizes where something changes: 0, 1, and around one and several blocks.
std::vector<std::pair<std::string, std::string>> samples();

inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// What lzop_header(), lzop_encode() and lzop_end make of it.
std::string encode(const std::string& plain, std::size_t block_size = 256 * 1024);
/// What lzop_parser and lzop_decode() make of it when it arrives in pieces of `piece` bytes.
std::string decode(const std::string& compressed, std::size_t piece = 256 * 1024);

} // namespace wale::archive::test
