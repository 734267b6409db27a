#pragma once
// What a client sends over TLS 1.3 (RFC 8446) once hands are shaken, with TLS_AES_128_GCM_SHA256
// only. Read here and not by OpenSSL's SSL, so that records that are only discarded need not be
// decrypted: their lengths are in the clear.

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace sink {

class record_reader {
public:
  /// `secret` is client_application_traffic_secret_0 (section 7.1) in hexadecimal. Nothing of what
  /// it protects may have been taken off the socket, which the caller keeps open.
  record_reader(int socket, const std::string& secret);

  /// What the next record holds; "" when the client has said that it is done, or has closed.
  std::string next();
  /// Takes records off the connection as they are while `most` bytes hold all of the next one's.
  /// Returns how many bytes they held.
  std::uint64_t skip(std::uint64_t most);

private:
  struct free_context {
    void operator()(EVP_CIPHER_CTX* c) const { EVP_CIPHER_CTX_free(c); }
  };
  using header = std::array<unsigned char, 5>; // section 5.2

  /// Of the next record; nullopt at the end of the connection.
  const std::optional<header>& peek();
  std::size_t payload_size() const;
  std::string decrypt(const std::string& payload);

  int socket_;
  std::array<unsigned char, 12> iv_ = {};
  std::unique_ptr<EVP_CIPHER_CTX, free_context> cipher_;
  std::uint64_t sequence_ = 0;
  std::optional<header> header_;
};

} // namespace sink
