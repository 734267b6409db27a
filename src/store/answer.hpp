#pragma once
// A request with a time limit.

#include "bucket.hpp"

#include <wale/io/deadline.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/shield.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace wale::store {

template <class T> task<> keep(task<T> work, std::optional<T>& result) {
  T value = co_await std::move(work);
  result.emplace(std::move(value));
}

/// io::within() for work that has a result. A body that was opened too late is closed.
template <class T>
task<T>
answer_within(io::runtime& rt, std::chrono::milliseconds limit, std::string doing, task<T> work) {
  std::optional<T> result;
  std::exception_ptr error;
  try {
    co_await io::within(rt, limit, std::move(doing), keep(std::move(work), result));
  } catch (...) {
    error = std::current_exception();
  }
  if (!error) co_return std::move(*result);
  if constexpr (std::is_same_v<T, std::optional<opened_object>>) {
    if (result && *result && (*result)->body) co_await io::shield((*result)->body->close());
  }
  std::rethrow_exception(error);
}

/// For requests that answer nothing.
struct nothing {};
inline task<nothing> without_result(task<> work) {
  co_await std::move(work);
  co_return nothing();
}

} // namespace wale::store
