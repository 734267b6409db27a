#pragma once
// A request out, the head of its answer in, at the same time where the request is long: a server
// may refuse before it has read everything.

#include "connection.hpp"

#include <string>

namespace wale::http {

struct outgoing {
  std::string head;
  body_pieces body;
  bool expects_continue = false;
  bool is_head_request = false;
};

struct incoming {
  answer_head head;
  bool request_was_sent = false;    ///< all of it
  bool ignored_expectation = false; ///< neither 100 nor a final answer within a second
};

/// Returns the final answer's head; its body is still to be read. Failures have their context,
/// except that has_heard() of the connection tells whether a byte of the answer came. After a
/// failure, or if the request was not sent whole, the connection can only be dropped.
task<incoming> converse(connection& over, outgoing what);

} // namespace wale::http
