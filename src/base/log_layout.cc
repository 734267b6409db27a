// How a record looks: as WAL-E's text, and as JSON.
#include <wale/base/log.hpp>

#include <algorithm>
#include <cstdio>

namespace wale::log {
namespace {

std::string_view name_of(level l) {
  switch (l) {
  case level::debug:
    return "DEBUG";
  case level::info:
    return "INFO";
  case level::warning:
    return "WARNING";
  case level::error:
    return "ERROR";
  case level::critical:
    return "CRITICAL";
  }
  return "CRITICAL";
}

std::string padded(std::string_view text, std::size_t width) {
  std::string s(text);
  if (s.size() < width) s.append(width - s.size(), ' ');
  return s;
}

// UTC, ISO, microseconds, without a zone. Not by gmtime_r, which reads the time zone first.
std::string timestamp(std::chrono::system_clock::time_point time) {
  const auto microseconds = std::chrono::floor<std::chrono::microseconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(microseconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(microseconds - day);
  char text[64];
  std::snprintf(
      text,
      sizeof text,
      "%04d-%02u-%02uT%02d:%02d:%02d.%06d",
      static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()),
      static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()),
      static_cast<int>(clock.subseconds().count()));
  return text;
}

// Every newline inside the text starts a continuation line, so that a record stays one record.
std::string indented(std::string_view text) {
  std::string s;
  for (char c : text) {
    s += c;
    if (c == '\n') s += "        ";
  }
  return s;
}

std::vector<field> sorted(const record& r) {
  std::vector<field> fields = r.structured;
  std::ranges::sort(fields, {}, &field::name);
  return fields;
}

// How many bytes the well-formed UTF-8 sequence at the beginning has, 0 if there is none (Unicode
// 15.0, table 3-7).
std::size_t sequence_length(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead < 0xc2   ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
  if (length == 0) return 0;
  const unsigned least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < least || byte(1) > most) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  return length;
}

// RFC 8259, section 7. Not by Boost.JSON, which passes bytes on as they are: the name of a file
// need not be UTF-8, and one wrong byte would make the record unreadable.
std::string quoted(std::string_view text) {
  std::string s = "\"";
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text.front());
    const std::size_t length = sequence_length(text);
    if (c == '"' || c == '\\') {
      s += '\\';
      s += text.front();
    } else if (c < 0x20 || c == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      s += escape;
    } else if (length == 0) {
      s += "\xef\xbf\xbd";
    } else {
      s += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return s + "\"";
}

std::string member(std::string_view name, std::string_view value) {
  return quoted(name) + ": " + quoted(value);
}

} // namespace

std::string layout(const record& r, std::chrono::system_clock::time_point time, int pid) {
  std::string text = "MSG: " + r.text.msg;
  if (!r.text.detail.empty()) text += "\nDETAIL: " + r.text.detail;
  if (!r.text.hint.empty()) text += "\nHINT: " + r.text.hint;
  text += "\nSTRUCTURED: time=" + timestamp(time) + "-00 pid=" + std::to_string(pid);
  for (const field& f : sorted(r))
    text += " " + f.name + "=" + f.value;
  return padded(r.logger, 12) + " " + padded(name_of(r.severity), 8) + " " + indented(text);
}

std::string layout_json(const record& r, std::chrono::system_clock::time_point time, int pid) {
  std::string text = "{" + member("time", timestamp(time) + "Z") + ", " +
                     member("level", name_of(r.severity)) + ", " + member("logger", r.logger) +
                     ", \"pid\": " + std::to_string(pid) + ", " + member("msg", r.text.msg);
  if (!r.text.detail.empty()) text += ", " + member("detail", r.text.detail);
  if (!r.text.hint.empty()) text += ", " + member("hint", r.text.hint);
  if (!r.structured.empty()) {
    std::string fields;
    for (const field& f : sorted(r))
      fields += (fields.empty() ? "" : ", ") + member(f.name, f.value);
    text += ", \"structured\": {" + fields + "}";
  }
  return text + "}";
}

} // namespace wale::log
