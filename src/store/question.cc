#include "question.hpp"

#include <utility>

namespace wale::store {

request_failure unreadable(const char* server, const question& q, const std::string& what) {
  failure f(
      kind::unavailable,
      q.doing,
      q.url + ": the server's answer " + what + ".",
      std::string("Is this ") + server + ", and is there a proxy in between that changes answers?");
  return request_failure(std::move(f), request_failure::repeat::later);
}

failure replaced_while_read(const question& q) {
  return failure(
      kind::corrupt,
      "an object was replaced while it was read",
      q.url + " is another object than the one that was begun to be read.",
      "Run it again; and find out who writes there.");
}

} // namespace wale::store
