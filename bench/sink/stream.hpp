#pragma once
// One connection as a stream of bytes, plain or TLS. Calls block; a broken connection is an
// exception, which ends its thread's work and nothing else.

#include "records.hpp"

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sink {

class stream {
public:
  /// Owns `socket` from now on. With `tls`, which must outlive it, shakes hands.
  stream(int socket, SSL_CTX* tls);
  ~stream();
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  /// Up to and with the empty line, and no byte more; "" if the peer has closed between requests.
  std::string read_head();
  void read(char* to, std::size_t count);
  /// Takes `count` bytes off the connection without looking at them.
  void discard(std::uint64_t count);

  void write(std::string_view bytes);
  /// After the last write() of an answer.
  void flush();

private:
  std::size_t receive(char* to, std::size_t most);
  std::size_t take_early(char* to, std::size_t most);

  int socket_;
  std::unique_ptr<record_layer> records_; ///< null without TLS
  std::string early_;                     ///< read together with something else, not handed out yet
  std::vector<char> waste_;               ///< what discard() reads into
};

} // namespace sink
