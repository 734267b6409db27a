#pragma once
// What authorises a request to Azure: a signature, a shared access signature, or a token.

#include <wale/http/message.hpp>
#include <wale/io/task.hpp>

#include <chrono>
#include <cstdint>

namespace wale::store {

class azure_authority {
public:
  virtual ~azure_authority() = default;

  /// What can be done ahead of the first request.
  virtual task<> warm_up() = 0;

  /// Adds what is needed to a request that is whole otherwise. `now` is the server's time: ours
  /// plus http::client::clock_offset(). Throws kind::configuration if a person must do something,
  /// kind::unavailable if asking again later may help. Cancelling it leaves nothing behind.
  /// Gives the number of the token that it took, 0 where there is none.
  virtual task<std::uint64_t>
  authorize(http::request& r, std::chrono::system_clock::time_point now) = 0;

  /// The server took it.
  virtual void accepted(std::uint64_t token) = 0;
  /// The server did not take it (401). True if the next authorize() will come with something new;
  /// not if this was new already.
  virtual bool renew(std::uint64_t token) = 0;

  /// Whether the server compares our clock with its own.
  virtual bool depends_on_clock() const = 0;
};

} // namespace wale::store
