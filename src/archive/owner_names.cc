// getpwuid_r and its kin, with a buffer that grows until the answer fits.
#include "owner_names.hpp"

#include <cerrno>
#include <grp.h>
#include <pwd.h>
#include <vector>

namespace wale::archive {
namespace {

/// Calls look(record, buffer, size, result) until the buffer is large enough; nullopt if absent.
template <class Record, class Look, class Use> auto look_up(Look look, Use use) {
  std::optional<decltype(use(std::declval<Record&>()))> answer;
  for (std::vector<char> buffer(1024); buffer.size() <= 1024 * 1024;
       buffer.resize(buffer.size() * 4)) {
    Record record{};
    Record* found = nullptr;
    const int error = look(&record, buffer.data(), buffer.size(), &found);
    if (error == ERANGE) continue;
    if (found) answer.emplace(use(record));
    break;
  }
  return answer;
}

} // namespace

std::string user_name(std::uint32_t uid) {
  const auto look = [uid](auto... a) { return ::getpwuid_r(uid, a...); };
  return look_up<passwd>(look, [](passwd& p) { return std::string(p.pw_name); }).value_or("");
}

std::string group_name(std::uint32_t gid) {
  const auto look = [gid](auto... a) { return ::getgrgid_r(gid, a...); };
  return look_up<group>(look, [](group& g) { return std::string(g.gr_name); }).value_or("");
}

std::optional<std::uint32_t> user_number(const std::string& name) {
  const auto look = [&name](auto... a) { return ::getpwnam_r(name.c_str(), a...); };
  return look_up<passwd>(look, [](passwd& p) { return std::uint32_t{p.pw_uid}; });
}

std::optional<std::uint32_t> group_number(const std::string& name) {
  const auto look = [&name](auto... a) { return ::getgrnam_r(name.c_str(), a...); };
  return look_up<group>(look, [](group& g) { return std::uint32_t{g.gr_gid}; });
}

} // namespace wale::archive
