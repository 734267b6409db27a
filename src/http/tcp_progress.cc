// The C library's tcp_info ends before the counters, and its header cannot stand beside the
// kernel's.
#include "tcp_progress.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace wale::http {

tcp_progress progress_of(int fd) noexcept {
  tcp_info info = {};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  return {info.tcpi_bytes_acked, info.tcpi_bytes_received};
}

} // namespace wale::http
