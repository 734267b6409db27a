#pragma once
// One line at the foot of a terminal that is written over again and again. Pure: gives the bytes to
// write. Only a carriage return and blanks, which every terminal understands.

#include <cstddef>
#include <string>
#include <string_view>

namespace wale::log {

class status_line {
public:
  /// Replaces the line; an empty one takes it away. `columns` is the terminal's width: the line is
  /// cut before its last column, beyond which a carriage return would not lead back to its start.
  std::string change(std::string_view line, std::size_t columns) {
    std::string bytes = erased();
    shown_ = line.substr(0, columns > 1 ? columns - 1 : 0);
    return bytes + shown_;
  }

  /// `text`, lines that end with a newline, above the line.
  std::string below(std::string_view text) const { return erased() + std::string(text) + shown_; }

private:
  std::string erased() const {
    return shown_.empty() ? "" : "\r" + std::string(shown_.size(), ' ') + "\r";
  }

  std::string shown_; ///< ASCII: one byte, one column
};

} // namespace wale::log
