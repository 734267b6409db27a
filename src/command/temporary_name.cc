// 64 bits of entropy in each name.
#include "temporary_name.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/io/fs.hpp>

#include <cstdio>
#include <ctime>
#include <random>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace wale::command {

namespace fs = io::fs;

namespace {

constexpr std::string_view temporary_prefix = ".wal-e-fetch-";

// 16 hexadecimal digits that nobody can foresee.
std::string random_digits() {
  std::random_device entropy;
  char text[17];
  std::snprintf(
      text,
      sizeof text,
      "%08x%08x",
      static_cast<unsigned>(entropy()),
      static_cast<unsigned>(entropy()));
  return text;
}

} // namespace

temporary_name::temporary_name(const std::string& destination)
    : path_(fs::parent_of(destination) + "/" + std::string(temporary_prefix) + random_digits()) {}

temporary_name::~temporary_name() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

void sweep_temporaries(const std::string& destination) {
  constexpr std::time_t a_day = 24 * 60 * 60;
  const std::string directory = fs::parent_of(destination);
  try {
    for (const fs::entry& e : fs::list_directory(directory)) {
      if (!e.name.starts_with(temporary_prefix)) continue;
      const std::string path = directory + "/" + e.name;
      const auto s = fs::link_status(path);
      if (s && S_ISREG(s->st_mode) && s->st_mtim.tv_sec < std::time(nullptr) - a_day)
        fs::unlink(path);
    }
  } catch (const failure& f) {
    log::debug(
        "wal_e.operator.backup", {"could not look for old temporary files", f.text().detail});
  }
}

} // namespace wale::command
