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
  if (f.kind_ == kind::no_space) f.text_.hint = "Free space or raise the quota, then run it again.";
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

failure failure::with_kind(kind k) const {
  failure f = *this;
  f.kind_ = k;
  return f;
}

std::string describe_errno(int error_number) {
  return std::system_category().message(error_number) + " (errno " + std::to_string(error_number) +
         ")";
}

} // namespace wale
