#pragma once
// Log records of the code under test.

#include <wale/base/log.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <unistd.h>

namespace wale::test {

/// What is written to stderr during the lifetime of the object. Records go nowhere else from then
/// on.
class captured_stderr {
public:
  explicit captured_stderr(log::level least = log::level::info)
      : file_(std::tmpfile()), before_(::dup(STDERR_FILENO)) {
    ::dup2(::fileno(file_), STDERR_FILENO);
    log::destinations to;
    to.to_syslog = false;
    to.least = least;
    log::configure(to);
  }
  captured_stderr(const captured_stderr&) = delete;
  captured_stderr& operator=(const captured_stderr&) = delete;
  ~captured_stderr() {
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
    std::fclose(file_);
    log::destinations to;
    to.to_syslog = false;
    log::configure(to);
  }

  std::string text() const {
    std::string content(1 << 20, '\0');
    const ssize_t n = ::pread(::fileno(file_), content.data(), content.size(), 0);
    content.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    return content;
  }

private:
  std::FILE* file_;
  int before_;
};

} // namespace wale::test
