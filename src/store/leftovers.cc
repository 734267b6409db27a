// Names that begin with .wal-e- are ours and never objects (docs/format.md "File store").
#include "leftovers.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/io/fs.hpp>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <dirent.h>
#include <random>
#include <sys/stat.h>
#include <utility>

namespace wale::store {
namespace {

namespace fs = io::fs;

constexpr std::string_view temporary_prefix = ".wal-e-";

void sweep_directory(const std::string& directory) {
  constexpr std::time_t a_day = 24 * 60 * 60;
  try {
    for (const fs::entry& e : fs::list_directory(directory)) {
      const std::string path = directory + "/" + e.name;
      if (e.type == DT_DIR) sweep_directory(path);
      if (!is_temporary(e.name) || e.type != DT_REG) continue;
      const auto s = fs::link_status(path);
      if (s && s->st_mtim.tv_sec < std::time(nullptr) - a_day) fs::unlink(path);
    }
  } catch (const failure& f) {
    if (f.error_number() == ENOENT) return;
    log::debug(
        "wal_e.blobstore.file.file_util",
        {"could not look for old temporary files",
         f.text().detail.empty() ? f.text().msg : f.text().detail});
  }
}

} // namespace

bool is_temporary(std::string_view name) {
  return name.starts_with(temporary_prefix);
}

std::string temporary_name() {
  static std::random_device entropy;
  char name[48];
  std::snprintf(
      name,
      sizeof name,
      "%s%08x%08x",
      temporary_prefix.data(),
      static_cast<unsigned>(entropy()),
      static_cast<unsigned>(entropy()));
  return name;
}

void sweep_temporary_files(const std::string& root, std::string_view top) {
  sweep_directory(root + "/" + std::string(top));
}

void prune_directories(const std::string& root, const std::string& key) {
  std::size_t slash = key.rfind('/');
  while (slash != std::string::npos && key.find('/') < slash) {
    if (!fs::remove_directory(root + "/" + key.substr(0, slash))) return;
    slash = key.rfind('/', slash - 1);
  }
}

temporary_file::temporary_file(io::file f, std::string path, std::string root, std::string key)
    : file_(std::move(f)), path_(std::move(path)), root_(std::move(root)), key_(std::move(key)) {}

temporary_file::~temporary_file() {
  if (path_.empty()) return;
  try {
    fs::unlink(path_);
    prune_directories(root_, key_);
  } catch (const failure&) { // a later sweep finds it by its name
    return;
  }
}

} // namespace wale::store
