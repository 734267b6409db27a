// Options into a wish, and the wish into a target.
#include "restore_request.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/io/fs.hpp>

#include <filesystem>

namespace wale::command {
namespace {

namespace fs = io::fs;

constexpr std::string_view logger = "wal_e.operator.backup";

bool is_same_directory(const std::string& a, const std::string& b) {
  std::error_code unreachable; // then neither is touched
  const auto clean = [&](const std::string& path) {
    return std::filesystem::weakly_canonical(path + "/", unreachable);
  };
  return clean(a) == clean(b) && !unreachable;
}

catalog::restore_wish wish_in_file(const std::string& path, const catalog::sentinel& backup) {
  const auto text = fs::read_small(path);
  if (!text)
    throw failure(
        kind::configuration,
        "Restore specification does not exist",
        "There is no file \"" + path + "\".",
        "Name a JSON file, or SOURCE to have the tablespaces where they were.");
  return catalog::read_restore_spec(*text, path, backup);
}

catalog::restore_wish wish_of(const command_line& line, const catalog::sentinel& backup) {
  catalog::restore_wish wish;
  if (line.has("restore-spec")) {
    const std::string& name = line.options.at("restore-spec");
    wish = name == "SOURCE" ? catalog::source_restore_spec(backup) : wish_in_file(name, backup);
  }
  wish.blind = line.has("blind-restore");
  return wish;
}

} // namespace

restore_target requested_target(const command_line& line, const catalog::sentinel& backup) {
  const std::string& given = line.operands.at(0);
  const bool overwrite = line.has("overwrite");
  const catalog::restore_wish wish = wish_of(line, backup);
  const std::string directory = wish.directory.empty() ? given : wish.directory;
  if (!is_same_directory(directory, given)) {
    if (overwrite)
      throw failure(
          kind::refused,
          "--overwrite is not for a directory that only the restore specification names",
          "Its base_prefix is " + directory + ", the command line says " + given + ".",
          "Leave base_prefix out, or name the same directory on the command line.");
    log::warning(
        logger,
        {"the restore specification names another directory",
         "Restoring into its base_prefix " + directory + ", not into " + given + "."});
  }
  return examine_target(directory, backup, overwrite, wish);
}

} // namespace wale::command
