// getaddrinfo(3) cannot be interrupted, and a dead name server holds it for half a minute. It runs
// in a thread that owns all it touches and can be left alone.
#include "resolver.hpp"

#include <wale/base/error.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace wale::http {
namespace {

struct look_up {
  look_up(std::string h, std::uint16_t p) : host(std::move(h)), port(std::to_string(p)) {
    done = ::eventfd(0, EFD_CLOEXEC);
    if (done < 0) throw failure::system(errno, "eventfd", "a name cannot be looked up");
  }
  look_up(const look_up&) = delete;
  look_up& operator=(const look_up&) = delete;
  ~look_up() { ::close(done); }

  void run(int flags);

  std::string host;
  std::string port;
  int done = -1; ///< becomes readable
  std::mutex mutex;
  int code = 0;
  int error = 0;
  std::vector<address> found;
};

void look_up::run(int flags) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* first = nullptr;
  errno = 0;
  const int result = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &first);
  const std::lock_guard lock(mutex);
  code = result;
  error = errno;
  for (const addrinfo* a = first; a; a = a->ai_next) {
    address& next = found.emplace_back();
    std::memcpy(&next.storage, a->ai_addr, a->ai_addrlen);
    next.length = a->ai_addrlen;
  }
  if (first) ::freeaddrinfo(first);
}

bool is_numeric(const std::string& host) {
  in6_addr any;
  return ::inet_pton(AF_INET, host.c_str(), &any) == 1 || host.find(':') != std::string::npos;
}

void run_apart(const std::shared_ptr<look_up>& job) {
  try {
    std::thread([job] {
      job->run(AI_ADDRCONFIG);
      const std::uint64_t one = 1;
      (void)!::write(job->done, &one, sizeof one);
    }).detach();
  } catch (const std::system_error& e) {
    throw failure::system(e.code().value(), "thread", "a name cannot be looked up");
  }
}

} // namespace

std::string address::text() const {
  char text[INET6_ADDRSTRLEN] = "?";
  if (storage.ss_family == AF_INET6) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(storage);
    ::inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof text);
  } else {
    const auto& in = reinterpret_cast<const sockaddr_in&>(storage);
    ::inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
  }
  return text;
}

std::vector<address> by_turns(std::vector<address> addresses) {
  if (addresses.empty()) return addresses;
  const auto family = addresses.front().storage.ss_family;
  const auto other =
      std::stable_partition(addresses.begin(), addresses.end(), [family](const address& a) {
        return a.storage.ss_family == family;
      });
  std::vector<address> result;
  auto a = addresses.begin();
  auto b = other;
  while (a != other || b != addresses.end()) {
    if (a != other) result.push_back(*a++);
    if (b != addresses.end()) result.push_back(*b++);
  }
  return result;
}

task<std::vector<address>> resolve(io::runtime& rt, std::string host, std::uint16_t port) {
  const auto job = std::make_shared<look_up>(std::move(host), port);
  if (is_numeric(job->host)) {
    job->run(AI_NUMERICHOST);
  } else {
    run_apart(job);
    co_await rt.ready(job->done, POLLIN);
  }
  const std::lock_guard lock(job->mutex);
  if (job->code == EAI_SYSTEM)
    throw failure::system(job->error, "getaddrinfo", "a name cannot be looked up");
  if (job->code != 0)
    throw failure(
        kind::unavailable,
        "a name cannot be looked up",
        job->host + ": " + ::gai_strerror(job->code));
  co_return by_turns(std::move(job->found));
}

} // namespace wale::http
