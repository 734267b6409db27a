#pragma once
// Extraction of archives that are strings.
#include "stream_fixture.hpp"
#include "tar_fixture.hpp"

#include <wale/archive/extract.hpp>
#include <wale/base/error.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace wale::archive::test {

struct extracted {
  extract_summary summary;
  restored_names names;
};

inline task<> extract_into(
    io::runtime& rt,
    std::string bytes,
    std::size_t piece,
    extract_options options,
    extracted& out) {
  io::block_budget share = co_await rt.blocks().reserve(options.blocks_in_flight + 1);
  source_log log;
  string_source source(std::move(share), std::move(bytes), piece, log);
  directory_turns turns;
  out.summary = co_await extract(rt, source, std::move(options), out.names, turns);
}

/// `before` carries the names of earlier attempts of the same restore.
inline extracted extract_bytes(
    const std::string& bytes,
    const extract_options& options,
    std::size_t piece = 262144,
    extracted* before = nullptr) {
  extracted own;
  extracted& out = before ? *before : own;
  run_task([&](io::runtime& rt) { return extract_into(rt, bytes, piece, options, out); });
  make_late_links(options, out.names, out.summary.late_links);
  return out;
}

inline failure
failure_of(const std::string& bytes, const extract_options& options, extracted* before = nullptr) {
  try {
    extract_bytes(bytes, options, 262144, before);
  } catch (const failure& f) {
    return f;
  }
  FAIL("it was extracted");
  throw std::logic_error("not reached");
}

} // namespace wale::archive::test
