// What a terminal shows is worked out by one of two control characters: newline and return.
#include "status_line.hpp"

#include <catch2/catch.hpp>

#include <vector>

using namespace wale;

namespace {

struct terminal {
  std::size_t columns;
  std::vector<std::string> lines = {""};
  std::size_t column = 0;

  void print(const std::string& bytes) {
    for (const char c : bytes)
      if (c == '\r') {
        column = 0;
      } else if (c == '\n') {
        lines.emplace_back();
        column = 0;
      } else {
        if (column == columns) print("\n"); // it would wrap
        lines.back().resize(std::max(lines.back().size(), column + 1), ' ');
        lines.back()[column++] = c;
      }
  }

  std::string text() const {
    std::string all;
    for (std::string line : lines) {
      line.erase(line.find_last_not_of(' ') + 1);
      all += line + "|";
    }
    return all;
  }
};

} // namespace

TEST_CASE("a line is written over, wholly") {
  terminal t{80};
  log::status_line line;
  t.print(line.change("a long line", 80));
  CHECK(t.text() == "a long line|");
  t.print(line.change("short", 80));
  CHECK(t.text() == "short|");
  CHECK(t.column == 5);
  t.print(line.change("", 80));
  CHECK(t.text() == "|");
  CHECK(t.column == 0);
  CHECK(line.change("", 80).empty());
}

TEST_CASE("records stand above the line, and nothing of it is left in them") {
  terminal t{80};
  log::status_line line;
  t.print(line.below("first\n"));
  t.print(line.change("half of it done", 80));
  t.print(line.below("second\nthird\n"));
  CHECK(t.text() == "first|second|third|half of it done|");
  t.print(line.change("", 80));
  t.print(line.below("fourth\n"));
  CHECK(t.text() == "first|second|third|fourth||");
}

TEST_CASE("a line never wraps") {
  for (const std::size_t columns : {1, 2, 10}) {
    terminal t{columns};
    log::status_line line;
    t.print(line.change("0123456789abc", columns));
    t.print(line.change("0123456789", columns));
    CHECK(t.lines.size() == 1);
    CHECK(t.text() == std::string("0123456789").substr(0, columns - 1) + "|");
  }
}
