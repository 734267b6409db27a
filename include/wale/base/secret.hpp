#pragma once
// A text that must never appear in a message, a log record or an argument list: it has no way into
// a string but reveal(), which is easy to look for, and whatever prints it prints `***`.

#include <ostream>
#include <string>
#include <utility>

namespace wale {

class secret {
public:
  secret() = default;
  explicit secret(std::string text) : text_(std::move(text)) {}

  const std::string& reveal() const noexcept { return text_; }
  bool empty() const noexcept { return text_.empty(); }
  bool operator==(const secret&) const = default;

  friend std::ostream& operator<<(std::ostream& out, const secret&) { return out << "***"; }

private:
  std::string text_;
};

} // namespace wale
