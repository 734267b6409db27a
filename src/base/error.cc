// Construction of failures; the classification of errno values is the only logic here.
#include <wale/base/error.hpp>

#include <cerrno>
#include <system_error>
#include <utility>

namespace wale {
namespace {

kind kind_of_errno(int e) {
  switch (e) {
  case ENOSPC:
  case EDQUOT:
    return kind::no_space;
  case ECANCELED:
    return kind::interrupted;
  default:
    return kind::unavailable;
  }
}

// What the operator can do where the caller knows nothing better.
const char* hint_for_errno(int e) {
  switch (e) {
  case ENOSPC:
  case EDQUOT:
    return "Free space or raise the quota, then run it again.";
  case EACCES:
  case EPERM:
    return "Give the user that runs wal-e the right to do this.";
  case EROFS:
    return "The file system is mounted read-only: look into the kernel's log.";
  case ENOENT:
  case ENOTDIR:
    return "Is the path right, and the file system mounted?";
  case EIO:
    return "The device or file server failed: look into the kernel's log.";
  case EFBIG:
    return "Raise the limit of the size of files (ulimit -f, LimitFSIZE).";
  case EMFILE:
  case ENFILE:
    return "Raise the limit of open files.";
  case ENOMEM:
    return "Free memory, then run it again.";
  case ECANCELED:
    return "";
  default:
    return "Mend what DETAIL says, then run it again.";
  }
}

} // namespace

failure::failure(kind k, std::string msg, std::string detail, std::string hint)
    : kind_(k), text_{std::move(msg), std::move(detail), std::move(hint)} {}

failure failure::system(int error_number, std::string what, std::string msg) {
  std::string detail = what + ": " + describe_errno(error_number);
  failure f(
      kind_of_errno(error_number),
      msg.empty() ? "a file operation failed" : std::move(msg),
      std::move(detail));
  f.error_number_ = error_number;
  f.text_.hint = hint_for_errno(error_number);
  return f;
}

failure failure::with_msg(std::string msg) const {
  failure f = *this;
  if (!msg.empty()) f.text_.msg = std::move(msg);
  return f;
}

failure failure::with_detail(std::string detail) const {
  failure f = *this;
  if (!detail.empty()) f.text_.detail = std::move(detail);
  return f;
}

failure failure::with_hint(std::string hint) const {
  failure f = *this;
  if (!hint.empty()) f.text_.hint = std::move(hint);
  return f;
}

bool is_failure(const std::exception_ptr& error, kind k) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const failure& f) {
    return f.why() == k;
  } catch (...) {
    return false;
  }
}

std::string describe_errno(int error_number) {
  return std::system_category().message(error_number) + " (errno " + std::to_string(error_number) +
         ")";
}

} // namespace wale
