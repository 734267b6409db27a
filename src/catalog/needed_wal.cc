// An archive holds millions of segments but few timelines, so everything is looked up by timeline.
#include <wale/catalog/needed_wal.hpp>

#include <algorithm>

namespace wale::catalog {

bool may_descend(const timeline_histories& histories, pg::timeline tli, pg::timeline of) {
  if (tli == of) return true;
  const auto found = histories.find(tli);
  if (found == histories.end() || found->second.empty()) return tli.value != 1;
  // Not a file that the server would write: nothing is known.
  if (found->second.back().tli >= tli) return true;
  return std::ranges::find(found->second, of, &pg::timeline_ancestor::tli) != found->second.end();
}

void needed_wal::add(const pg::wal_segment& start) {
  const auto [place, added] = starts_.try_emplace(start.tli, start.number());
  if (!added) place->second = std::min(place->second, start.number());
  least_.clear();
}

bool needed_wal::needs(const pg::wal_segment& segment) const {
  const std::uint64_t least = least_number(segment.tli);
  return least != nothing && segment.number() >= least;
}

std::uint64_t needed_wal::least_number(pg::timeline tli) const {
  const auto [place, is_new] = least_.try_emplace(tli, nothing);
  if (is_new)
    for (const auto& [start_tli, number] : starts_)
      if (may_descend(histories_, tli, start_tli)) place->second = std::min(place->second, number);
  return place->second;
}

} // namespace wale::catalog
