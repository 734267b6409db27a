#include "question.hpp"

namespace wale::store {

failure replaced_while_read(const question& q) {
  return failure(
      kind::corrupt,
      "an object was replaced while it was read",
      q.url + " is another object than the one that was begun to be read.",
      "Run it again; and find out who writes there.");
}

} // namespace wale::store
