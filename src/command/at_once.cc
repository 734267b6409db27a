// Nothing here may wait for more than a local file system.
#include "at_once.hpp"

#include "acknowledgements.hpp"
#include "archive_file.hpp"
#include "prefetching.hpp"
#include "settings.hpp"

#include <wale/base/log.hpp>
#include <wale/catalog/layout.hpp>
#include <wale/io/fs.hpp>
#include <wale/pg/wal_name.hpp>

#include <algorithm>
#include <string_view>

namespace wale::command {
namespace {

constexpr std::string_view restore_logger = "wal_e.operator.backup";

/// Where a WAL file is in the archive, as the store would say it.
struct archive_place {
  std::string url;
  std::string prefix;
};

archive_place place_of(const std::string& prefix_url, const std::string& name) {
  archive_place place;
  std::string url = prefix_url;
  while (!url.empty() && url.back() == '/')
    url.pop_back();
  const std::size_t authority = url.find("://");
  const std::size_t path =
      authority == std::string::npos ? authority : url.find('/', authority + 3);
  if (path != std::string::npos) {
    place.prefix = url.substr(path + 1) + "/";
    place.prefix.erase(0, std::min(place.prefix.find_first_not_of('/'), place.prefix.size()));
  }
  place.url = url + "/" + catalog::wal_key(name).name;
  return place;
}

} // namespace

std::optional<int> acknowledged(const command_line& line, const std::string& prefix_url) {
  if (line.command->name != "wal-push") return std::nullopt;
  const std::string& path = line.operands.at(0);
  const std::string name = path.substr(path.rfind('/') + 1);
  if (!pg::wal_segment::parse(name)) return std::nullopt;
  const std::string directory = io::fs::parent_of(path);
  const acknowledgements records(directory, archive_identity(line.global, prefix_url));
  if (!records.cover(name)) return std::nullopt;
  const archive_place place = place_of(prefix_url, name);
  log::info(
      upload_logger,
      {"the file was archived ahead of its turn",
       "\"" + path + "\" is what was uploaded to \"" + place.url + "\"."},
      push_fields(place.url, place.prefix, name, "complete"));
  return 0;
}

std::optional<int> prefetched(
    const command_line& line, const std::string& prefix_url, std::optional<restore_mode> mode) {
  if (line.command->name != "wal-fetch") return std::nullopt;
  const std::string& destination = line.operands.at(1);
  if (mode == restore_mode::neither) drop_prefetched(destination);
  const auto plan = plan_prefetch(line, prefix_url, mode);
  if (!plan || !plan->area.exists() || !serve_prefetched(*plan, destination)) return std::nullopt;
  const std::string name = plan->segment.name();
  const archive_place place = place_of(prefix_url, name);
  log::info(
      restore_logger,
      {"promoted prefetched wal segment"},
      {{"action", "wal-fetch"}, {"key", place.url}, {"prefix", place.prefix}, {"seg", name}});
  prefetch_behind(line, *plan);
  return 0;
}

} // namespace wale::command
