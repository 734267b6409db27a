// `..` is refused wherever it stands: `a/../b` is harmless only if `a` is no link.
#include "member_name.hpp"

#include <wale/base/error.hpp>

namespace wale::archive {
namespace {

[[noreturn]] void refuse(std::string_view name, const char* reason) {
  throw failure(
      kind::refused,
      "a member of the archive leads outside the target directory",
      "The name \"" + std::string(name) + "\" " + reason + ".",
      "wal-e and WAL-E write no such members: do not trust this archive.");
}

} // namespace

std::string clean_name(std::string_view name) {
  if (name.starts_with('/')) refuse(name, "is absolute");
  std::string clean;
  for (std::string_view rest = name; !rest.empty();) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    rest = slash == rest.npos ? std::string_view{} : rest.substr(slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") refuse(name, "contains \"..\"");
    if (!clean.empty()) clean += '/';
    clean += part;
  }
  return clean;
}

std::string_view parent_of(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  return slash == name.npos ? std::string_view{} : name.substr(0, slash);
}

std::string_view base_of(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  return slash == name.npos ? name : name.substr(slash + 1);
}

} // namespace wale::archive
