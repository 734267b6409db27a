#pragma once
// What the threads of a scripted peer share, and the connection that scripts see.
#include "scripted_peer.hpp"

#include <openssl/ssl.h>

#include <list>
#include <sys/socket.h>
#include <thread>

namespace wale::test {

class live_connection;

struct peer_state {
  std::vector<scripted_peer::script> scripts;
  peer_options options;
  ssl_context tls;
  int listener = -1;
  std::uint16_t port = 0;
  std::thread acceptor;

  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  bool stopping = false;
  std::vector<received_request> requests;
  std::list<std::thread> threads;
  std::list<live_connection*> open;
  std::size_t accepted = 0;
  std::size_t resumed = 0;

  void listen();
  void accept();
  void serve(int fd, std::size_t number);
  bool is_stopping() const {
    const std::lock_guard lock(mutex);
    return stopping;
  }
  template <class Predicate> bool wait(Predicate p) const {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(50), p);
  }
};

class live_connection final : public peer_connection {
public:
  live_connection(peer_state& owner, int fd, std::size_t number)
      : owner_(owner), fd_(fd), number_(number) {}
  ~live_connection() override { close(); }

  std::size_t number() const override { return number_; }
  bool start_tls() override;
  bool renew_keys() override;
  std::string read_head() override;
  std::string read(std::size_t n) override;
  std::optional<received_request>
  read_request(const std::function<bool(const received_request&)>& on_head) override;
  bool send(std::string_view bytes) override;
  bool drip(std::string_view bytes, std::chrono::milliseconds pause, std::size_t piece) override;
  bool send_answer(const answer& a, bool is_head_request) override;
  void wait(const gate& g) override;
  void wait_for_end() override;
  void stall() override;
  void reset() override;
  void close() override;
  /// From another thread.
  void interrupt() { ::shutdown(fd_, SHUT_RDWR); }

private:
  bool fill();
  bool read_body(received_request& r);
  bool send_body(const answer& a);

  peer_state& owner_;
  int fd_;
  std::size_t number_;
  SSL* tls_ = nullptr;
  std::string server_name_;
  std::string buffer_;
};

} // namespace wale::test
