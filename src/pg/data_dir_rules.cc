// The list follows src/backend/backup/basebackup.c (excludeDirContents, excludeFiles) of PostgreSQL
// 9.6 to 18 and adds what must not come along from a standby: signal files and recovery.conf.

#include "data_dir_rules.hpp"

#include <algorithm>
#include <array>

namespace wale::pg {

namespace {

constexpr std::array<std::string_view, 9> emptied = {
    "pg_wal",
    "pg_xlog",
    "pg_replslot",
    "pg_dynshmem",
    "pg_notify",
    "pg_serial",
    "pg_snapshots",
    "pg_stat_tmp",
    "pg_subtrans",
};

// Not whatever begins with pg_: an operator's pg_dumps may lead to terabytes.
constexpr std::array<std::string_view, 14> movable = {
    "base",
    "global",
    "pg_clog",
    "pg_commit_ts",
    "pg_logical",
    "pg_logical/mappings",
    "pg_logical/snapshots",
    "pg_multixact",
    "pg_multixact/members",
    "pg_multixact/offsets",
    "pg_stat",
    "pg_tblspc",
    "pg_twophase",
    "pg_xact",
};

constexpr std::array<std::string_view, 12> dropped = {
    "postmaster.pid",
    "postmaster.opts",
    "postgresql.auto.conf.tmp",
    "current_logfiles.tmp",
    "backup_label",
    "tablespace_map",
    "backup_manifest",
    "recovery.conf",
    "recovery.done",
    "recovery.signal",
    "standby.signal",
    "promote",
};

template <class List> bool holds(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::size_t count_digits(std::string_view text) {
  const auto end =
      std::find_if_not(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return static_cast<std::size_t>(end - text.begin());
}

bool is_number(std::string_view text) {
  return !text.empty() && count_digits(text) == text.size();
}

std::string_view take_component(std::string_view& path) {
  const std::string_view first = path.substr(0, path.find('/'));
  path.remove_prefix(std::min(first.size() + 1, path.size()));
  return first;
}

// What one version of PostgreSQL has in a tablespace.
bool is_version_directory(std::string_view member) {
  return take_component(member) == "pg_tblspc" && is_number(take_component(member)) &&
         member.starts_with("PG_") && member.find('/') == member.npos;
}

} // namespace

verdict rule_for(std::string_view parent, std::string_view name) {
  // Sort files and temporary directories, our own files, and what a mount point brings along.
  if (name.starts_with("pgsql_tmp") || name.starts_with(".wal-e") || name == "lost+found")
    return verdict::drop;
  if (parent.empty()) {
    if (holds(emptied, name)) return verdict::empty;
    if (holds(dropped, name)) return verdict::drop;
  }
  if (parent == "global" && name == "pg_control") return verdict::drop;
  if (name.starts_with("pg_internal.init") && is_database_directory(parent)) return verdict::drop;
  return verdict::keep;
}

bool is_database_directory(std::string_view member) {
  if (member == "global") return true;
  std::string_view rest = member;
  const std::string_view first = take_component(rest);
  if (first == "base") return is_number(rest);
  if (first != "pg_tblspc") return false;
  return is_number(take_component(rest)) && take_component(rest).starts_with("PG_") &&
         is_number(rest);
}

bool is_cluster_data(std::string_view member) {
  const std::string_view first = take_component(member);
  return first == "base" || first == "global" || (first.starts_with("pg_") && first != "pg_log");
}

bool is_movable_directory(std::string_view member) {
  return holds(movable, member) || is_database_directory(member) || is_version_directory(member);
}

std::optional<relation_file> parse_relation_file(std::string_view name) {
  std::string_view rest = name;
  relation_file file;
  if (rest.starts_with('t')) {
    file.temporary = true;
    rest.remove_prefix(1);
    const std::size_t backend = count_digits(rest);
    if (backend == 0 || rest.size() == backend || rest[backend] != '_') return std::nullopt;
    rest.remove_prefix(backend + 1);
  }
  const std::size_t digits = count_digits(rest);
  if (digits == 0) return std::nullopt;
  rest.remove_prefix(digits);
  file.number = name.substr(0, name.size() - rest.size());
  if (rest.starts_with('_')) {
    file.fork =
        rest.substr(1, rest.find('.') == std::string_view::npos ? rest.npos : rest.find('.') - 1);
    if (file.fork != "fsm" && file.fork != "vm" && file.fork != "init") return std::nullopt;
    rest.remove_prefix(1 + file.fork.size());
  }
  if (!rest.empty() && (rest.front() != '.' || !is_number(rest.substr(1)))) return std::nullopt;
  return file;
}

relation_filter::relation_filter(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto file = parse_relation_file(name);
    if (file && !file->temporary && file->fork == "init") unlogged_.emplace(file->number);
  }
}

bool relation_filter::drops(std::string_view name) const {
  const auto file = parse_relation_file(name);
  if (!file) return false;
  if (file->temporary) return true;
  return file->fork != "init" && unlogged_.contains(file->number);
}

} // namespace wale::pg
