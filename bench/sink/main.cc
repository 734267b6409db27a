// The server of the bench: a store that discards what it is given and serves from memory, so that
// the server's own cost does not decide what is measured. Not for anything else: it takes any
// signature, forgets everything at its end, and does not limit what it holds.
#include "protocols.hpp"
#include "tls.hpp"

#include <arpa/inet.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <getopt.h>
#include <iostream>
#include <netinet/in.h>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <system_error>
#include <thread>

namespace {

constexpr const char* usage =
    "usage: sink [--protocol s3|azure|swift|gcs] [--port N] [--tls CA_FILE] [--keep[=PART]] "
    "[--latency MS]\n"
    "Serves that store (any container, any key) on 127.0.0.1 and prints the port when ready.\n"
    "Bodies of 64 KiB and more are discarded, or kept in memory with --keep: all, or those of\n"
    "keys that contain PART. With --tls it speaks https and writes its certificate to CA_FILE.\n"
    "It ends with whoever started it.\n";

struct options {
  std::uint16_t port = 0;
  std::string ca_file = {};
  sink::behaviour how = {};
  sink::protocol speak = sink::speak_s3;
};

sink::protocol protocol_of(const std::string& name) {
  if (name == "s3") return sink::speak_s3;
  if (name == "azure") return sink::speak_azure;
  if (name == "swift") return sink::speak_swift;
  if (name == "gcs") return sink::speak_gcs;
  std::cerr << usage;
  std::exit(2);
}

options parse(int count, char** arguments) {
  static const option known[] = {
      {"protocol", required_argument, nullptr, 'a'},
      {"port", required_argument, nullptr, 'p'},
      {"tls", required_argument, nullptr, 't'},
      {"keep", optional_argument, nullptr, 'k'},
      {"latency", required_argument, nullptr, 'l'},
      {}};
  options made;
  for (int c; (c = getopt_long(count, arguments, "", known, nullptr)) != -1;) {
    switch (c) {
    case 'a':
      made.speak = protocol_of(optarg);
      break;
    case 'p':
      made.port = static_cast<std::uint16_t>(std::stoul(optarg));
      break;
    case 't':
      made.ca_file = optarg;
      break;
    case 'k':
      made.how.kept = optarg ? optarg : "";
      break;
    case 'l':
      made.how.latency = std::chrono::milliseconds(std::stoul(optarg));
      break;
    default:
      std::cerr << usage;
      std::exit(2);
    }
  }
  return made;
}

void demand(bool done, const char* what) {
  if (!done) throw std::system_error(errno, std::generic_category(), what);
}

/// Listens, and prints the port.
int open_listener(std::uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  demand(listener >= 0, "socket");
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  demand(bind(listener, plain, size) == 0, "bind");
  demand(listen(listener, SOMAXCONN) == 0, "listen");
  demand(getsockname(listener, plain, &size) == 0, "getsockname");
  std::cout << ntohs(address.sin_port) << std::endl;
  return listener;
}

} // namespace

int main(int count, char** arguments) try {
  const options chosen = parse(count, arguments);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  std::signal(SIGPIPE, SIG_IGN); // OpenSSL's sockets know no MSG_NOSIGNAL
  const sink::tls_context tls =
      chosen.ca_file.empty() ? nullptr : sink::make_tls_context(chosen.ca_file);
  static sink::object_table objects; // outlives the threads, which nobody joins
  const int listener = open_listener(chosen.port);
  for (;;) {
    const int socket = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    demand(socket >= 0, "accept");
    // Only a signal ends this loop, and the process with it.
    std::thread([socket, context = tls.get(), &chosen] {
      try {
        sink::stream peer(socket, context);
        sink::serve(peer, objects, chosen.how, chosen.speak);
      } catch (const std::exception& e) {
        std::cerr << std::string("sink: ") + e.what() + "\n";
      }
    }).detach();
  }
} catch (const std::exception& e) {
  std::cerr << "sink: " << e.what() << '\n';
  return 1;
}
