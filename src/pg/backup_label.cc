// Reads the text that pg_backup_stop gives for backup_label. Its lines are `NAME: VALUE`; the first
// one has been the same since PostgreSQL 9.0:
//   START WAL LOCATION: 0/2000028 (file 000000010000000000000002)

#include <wale/pg/backup_session.hpp>

namespace wale::pg {

namespace {

std::string_view value_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(name)) return line.substr(name.size());
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return {};
}

} // namespace

backup_label parse_backup_label(std::string_view text) {
  constexpr std::string_view before_name = " (file ";
  backup_label label;
  const std::string_view location = value_of(text, "START WAL LOCATION: ");
  const std::size_t blank = location.find(before_name);
  const auto start = parse_lsn(location.substr(0, blank));
  std::optional<wal_segment> segment;
  if (blank != std::string_view::npos)
    segment = wal_segment::parse(location.substr(blank + before_name.size(), 24));
  if (!start || !segment)
    throw failure(
        kind::corrupt,
        "unreadable backup_label",
        "Its first line is \"" + std::string(text.substr(0, text.find('\n'))) + "\".");
  label.start = *start;
  label.segment = *segment;
  label.checkpoint = parse_lsn(value_of(text, "CHECKPOINT LOCATION: ")).value_or(lsn{});
  label.label = value_of(text, "LABEL: ");
  return label;
}

} // namespace wale::pg
