// libFuzzer harness of the lzop reader. The first byte says how small the input is cut, the rest is
// a compressed stream. It is read as it is, and with the header's checksum set right, without which
// hardly any change would get past the header. However it is cut, the result must be the same.
//
// To fuzz: set up a build with CXX=clang++-16, -Dtests=true, -Db_sanitize=address,undefined,
// -Db_lundef=false and -Dcpp_args=-fsanitize=fuzzer-no-link, build tests/fuzz/lzop_fuzz, and run
// lzop_fuzz -max_total_time=60 DIRECTORY-FOR-NEW-INPUTS tests/fuzz/corpus/lzop
#include <wale/archive/adler32.hpp>
#include <wale/archive/lzop.hpp>
#include <wale/base/error.hpp>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace wale;
using namespace wale::archive;
using bytes = std::vector<std::byte>;

/// The plain bytes, or nothing if the stream is refused; only kind::corrupt is a refusal.
std::optional<bytes> decode(std::span<const std::byte> stream, std::size_t piece) try {
  lzop_parser parser;
  bytes plain;
  std::optional<lzop_block> block;
  std::vector<std::span<const std::byte>> stored;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    auto input = stream.subspan(at, std::min(piece, stream.size() - at));
    while (true) {
      if (!block && !(block = parser.next_block(input))) break;
      if (!input.empty()) stored.push_back(parser.take_stored(input));
      if (parser.stored_left() != 0) break;
      bytes target(block->plain_size);
      lzop_decode(*block, stored, target);
      plain.insert(plain.end(), target.begin(), target.end());
      stored.clear();
      block.reset();
    }
  }
  parser.finish();
  return plain;
} catch (const failure& f) {
  if (f.why() != kind::corrupt || f.text().detail.empty()) std::abort();
  return std::nullopt;
}

void check(std::span<const std::byte> stream, std::size_t piece) {
  const auto whole = decode(stream, std::max<std::size_t>(stream.size(), 1));
  if (decode(stream, piece) != whole) std::abort();
}

/// Makes the Adler-32 of the first header right, if there is one to its end.
void mend_header(std::span<std::byte> stream) {
  constexpr std::size_t checked_from = 9, flags_at = 17, filter_size = 4;
  constexpr auto has_filter = std::byte{0x08}; // of the flags' third byte
  if (stream.size() < flags_at + 4) return;
  const bool filtered = (stream[flags_at + 2] & has_filter) != std::byte{0};
  const std::size_t name_at = 34 + (filtered ? filter_size : 0) - 1;
  if (stream.size() <= name_at) return;
  const std::size_t end = name_at + 1 + std::to_integer<std::size_t>(stream[name_at]);
  if (stream.size() < end + 4) return;
  const std::uint32_t sum = adler32(stream.subspan(checked_from, end - checked_from));
  for (std::size_t i = 0; i < 4; ++i)
    stream[end + i] = static_cast<std::byte>(sum >> (24 - 8 * i));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = 1 + data[0];
  const auto* const begin = reinterpret_cast<const std::byte*>(data + 1);
  bytes stream(begin, begin + size - 1);
  check(stream, piece);
  mend_header(stream);
  check(stream, piece);
  return 0;
}
