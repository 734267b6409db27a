// HTTP/1.1 as a server reads and writes it, on a blocking socket.
#include "peer_connection.hpp"

#include <algorithm>
#include <cstdio>
#include <strings.h>
#include <unistd.h>
#include <utility>

namespace wale::test {

using namespace std::chrono_literals;

void gate::open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  opened_.notify_all();
}

bool gate::is_open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

bool gate::wait_for(std::chrono::milliseconds patience) const {
  std::unique_lock lock(mutex_);
  return opened_.wait_for(lock, patience, [this] { return open_; });
}

std::string received_request::header(std::string_view name) const {
  for (const auto& [n, value] : headers) {
    if (n.size() == name.size() && ::strncasecmp(n.data(), name.data(), n.size()) == 0)
      return value;
  }
  return {};
}

bool received_request::has_header(std::string_view name) const {
  return std::any_of(headers.begin(), headers.end(), [&](const auto& h) {
    return h.first.size() == name.size() &&
           ::strncasecmp(h.first.data(), name.data(), name.size()) == 0;
  });
}

namespace {

received_request parse_head(const std::string& head) {
  received_request r;
  std::size_t at = head.find("\r\n");
  const std::string line = head.substr(0, at);
  const std::size_t space = line.find(' ');
  r.method = line.substr(0, space);
  r.target = line.substr(space + 1, line.rfind(' ') - space - 1);
  for (at += 2; head.compare(at, 2, "\r\n") != 0;) {
    const std::size_t end = head.find("\r\n", at);
    const std::size_t colon = head.find(':', at);
    const std::size_t value = head.find_first_not_of(' ', colon + 1);
    r.headers.emplace_back(
        head.substr(at, colon - at), value < end ? head.substr(value, end - value) : "");
    at = end + 2;
  }
  return r;
}

} // namespace

bool live_connection::start_tls() {
  tls_ = SSL_new(owner_.tls.get());
  SSL_set_fd(tls_, fd_);
  if (SSL_accept(tls_) != 1) return false;
  if (const char* const name = SSL_get_servername(tls_, TLSEXT_NAMETYPE_host_name))
    server_name_ = name;
  if (SSL_session_reused(tls_)) {
    const std::lock_guard lock(owner_.mutex);
    ++owner_.resumed;
  }
  return true;
}

bool live_connection::renew_keys() {
  return tls_ && SSL_key_update(tls_, SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(tls_) == 1;
}

bool live_connection::fill() {
  if (fd_ < 0) return false;
  char bytes[65536];
  ssize_t n = tls_ ? SSL_read(tls_, bytes, sizeof bytes) : ::recv(fd_, bytes, sizeof bytes, 0);
  if (n <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(n));
  return true;
}

std::string live_connection::read_head() {
  while (true) {
    const std::size_t end = buffer_.find("\r\n\r\n");
    if (end != std::string::npos) {
      std::string head = buffer_.substr(0, end + 4);
      buffer_.erase(0, end + 4);
      return head;
    }
    if (!fill()) return {};
  }
}

std::string live_connection::read(std::size_t n) {
  while (buffer_.size() < n && fill()) {
  }
  std::string bytes = buffer_.substr(0, n);
  buffer_.erase(0, n);
  return bytes;
}

bool live_connection::read_body(received_request& r) {
  if (r.header("transfer-encoding") == "chunked") {
    while (true) {
      std::string line;
      while (!line.ends_with("\r\n")) {
        const std::string c = read(1);
        if (c.empty()) return false;
        line += c;
      }
      const std::size_t size = std::stoul(line, nullptr, 16);
      const std::string chunk = read(size + 2);
      if (chunk.size() < size + 2) return false;
      if (size == 0) return true;
      r.body.append(chunk, 0, size);
    }
  }
  const std::string length = r.header("content-length");
  if (length.empty()) return true;
  r.body = read(std::stoul(length));
  return r.body.size() == std::stoul(length);
}

std::optional<received_request>
live_connection::read_request(const std::function<bool(const received_request&)>& on_head) {
  const std::string head = read_head();
  if (head.empty()) return std::nullopt;
  received_request r = parse_head(head);
  r.connection = number_;
  r.server_name = server_name_;
  std::size_t place = 0;
  {
    const std::lock_guard lock(owner_.mutex);
    place = owner_.requests.size();
    owner_.requests.push_back(r);
    owner_.changed.notify_all();
  }
  if (on_head && on_head(r)) return std::nullopt;
  if (r.header("expect") == "100-continue") send("HTTP/1.1 100 Continue\r\n\r\n");
  r.complete = read_body(r);
  const std::lock_guard lock(owner_.mutex);
  owner_.requests[place] = r;
  owner_.changed.notify_all();
  if (!r.complete) return std::nullopt;
  return r;
}

bool live_connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (fd_ < 0) return false;
    const ssize_t n = tls_ ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                           : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool live_connection::drip(
    std::string_view bytes, std::chrono::milliseconds pause, std::size_t piece) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    if (pause.count()) std::this_thread::sleep_for(pause);
    if (owner_.is_stopping() || !send(bytes.substr(0, piece))) return false;
  }
  return true;
}

bool live_connection::send_body(const answer& a) {
  std::string framed = a.body;
  if (a.chunked) {
    framed.clear();
    for (std::size_t at = 0; at < a.body.size(); at += a.piece) {
      const std::size_t n = std::min(a.piece, a.body.size() - at);
      char size[32];
      std::snprintf(size, sizeof size, "%zx\r\n", n);
      framed += size + a.body.substr(at, n) + "\r\n";
    }
    framed += "0\r\n\r\n";
  }
  if (a.cut_body_at) framed.resize(std::min(*a.cut_body_at, framed.size()));
  if (a.pause.count() == 0) return send(framed);
  return drip(framed, a.pause, a.piece);
}

bool live_connection::send_answer(const answer& a, bool is_head_request) {
  if (a.after) wait(*a.after);
  bool alive = false;
  if (!a.nothing) {
    received_request own;
    own.headers = a.headers;
    std::string head = "HTTP/1.1 " + std::to_string(a.status) + " Scripted\r\n";
    for (const auto& [name, value] : a.headers)
      head += name + ": " + value + "\r\n";
    const bool framed = own.has_header("content-length") || own.has_header("transfer-encoding");
    if (!framed && a.chunked) {
      head += "Transfer-Encoding: chunked\r\n";
    } else if (!framed && !a.unframed && a.status != 204 && a.status != 304) {
      head += "Content-Length: " + std::to_string(a.body.size()) + "\r\n";
    }
    if (a.close) head += "Connection: close\r\n";
    alive = send(head + "\r\n");
    if (alive && !is_head_request) alive = send_body(a);
  }
  if (a.nothing || a.cut_body_at || a.close || a.unframed || a.close_silently || a.reset)
    alive = false;
  if (a.reset) reset();
  return alive;
}

void live_connection::wait(const gate& g) {
  while (!g.wait_for(10ms) && !owner_.is_stopping()) {
  }
}

void live_connection::wait_for_end() {
  buffer_.clear();
  while (fill())
    buffer_.clear();
}

void live_connection::stall() {
  std::unique_lock lock(owner_.mutex);
  owner_.changed.wait(lock, [this] { return owner_.stopping; });
}

void live_connection::reset() {
  const linger now = {1, 0};
  if (fd_ >= 0) ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  if (tls_) SSL_set_quiet_shutdown(tls_, 1);
  close();
}

void live_connection::close() {
  if (fd_ < 0) return;
  if (tls_) {
    SSL_shutdown(tls_);
    SSL_free(tls_);
    tls_ = nullptr;
  }
  const std::lock_guard lock(owner_.mutex);
  std::erase(owner_.open, this);
  ::close(std::exchange(fd_, -1));
  owner_.changed.notify_all();
}

} // namespace wale::test
