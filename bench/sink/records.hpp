#pragma once
// TLS 1.3 (RFC 8446) once hands are shaken, with TLS_AES_128_GCM_SHA256 only. OpenSSL's SSL would
// decrypt what is only discarded, though lengths are in the clear, and copy what it sends twice.

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sink {

class record_layer {
public:
  /// The application traffic secrets of section 7.1, in hexadecimal.
  struct secrets {
    std::string of_client;
    std::string of_server;
  };
  /// What the handshake sends after its end, a record each: that many tickets (section 4.6.1).
  static constexpr std::uint64_t tickets = 1;

  /// Nothing that the client's secret protects may have been taken off the socket, which the
  /// caller keeps open.
  record_layer(int socket, const secrets& agreed);

  /// What the next record holds; "" when the client has said that it is done, or has closed.
  std::string next();
  /// Takes records off the connection as they are while `most` bytes hold all of the next one's.
  /// Returns how many bytes they held.
  std::uint64_t skip(std::uint64_t most);

  /// May keep some of it until flush().
  void write(std::string_view bytes);
  void flush();

private:
  using header = std::array<unsigned char, 5>; // section 5.2
  using nonce = std::array<unsigned char, 12>;

  struct free_context {
    void operator()(EVP_CIPHER_CTX* c) const { EVP_CIPHER_CTX_free(c); }
  };
  /// Key and count of one direction's records.
  struct protection {
    protection(const std::string& secret, bool encrypts);
    nonce next_nonce();

    std::unique_ptr<EVP_CIPHER_CTX, free_context> cipher;
    nonce iv = {};
    std::uint64_t sequence = 0;
  };

  /// Of the next record; nullopt at the end of the connection.
  const std::optional<header>& peek();
  std::size_t payload_size() const;
  std::string decrypt(const std::string& payload);
  void encrypt(std::string_view fragment);

  int socket_;
  protection in_;
  protection out_;
  std::optional<header> header_;
  std::unique_ptr<unsigned char[]> leaving_; ///< records that flush() sends
  std::size_t leaving_size_ = 0;
};

} // namespace sink
