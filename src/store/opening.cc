#include "opening.hpp"

#include <exception>
#include <utility>

namespace wale::store {

task<opened_object> opened(
    http::streamed_reply answer,
    std::function<object_facts(const http::streamed_reply&)> facts_in) {
  opened_object found;
  std::exception_ptr error;
  try {
    found.facts = facts_in(answer);
  } catch (...) {
    error = std::current_exception();
  }
  if (error) co_await answer.body->close();
  if (error) std::rethrow_exception(error);
  found.body = std::move(answer.body);
  co_return found;
}

} // namespace wale::store
