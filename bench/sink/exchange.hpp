#pragma once
// One request and its answer: what the protocols of all stores share. Any container exists, any
// signature is good; bodies are not checked.

#include "objects.hpp"
#include "stream.hpp"

#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace sink {

struct behaviour {
  /// Bodies are kept of keys that contain this: of all if empty, of none if absent. Those below
  /// 64 KiB always are, so that clients find their metadata.
  std::optional<std::string> kept = {};
  std::chrono::milliseconds latency{}; ///< before every answer
};

/// What an exchange needs; all of it outlives the exchange.
struct surroundings {
  stream& peer;
  object_table& objects;
  const behaviour& how;
  const request& asked;
};

class exchange {
public:
  explicit exchange(const surroundings& all)
      : asked_(all.asked), objects_(all.objects), peer_(all.peer), how_(all.how) {}
  virtual ~exchange() = default;

  void run();
  bool keeps_alive() const { return keep_alive_ && asked_.keep_alive; }

protected:
  /// Takes the request's body off the connection and sends one answer.
  virtual void respond() = 0;
  virtual answer refusal(int status, const std::string& code, const std::string& message) const = 0;

  void reply(const answer& a);
  std::string read_document();
  /// The whole body, of an object of that name.
  piece read_body(const std::string& name);
  void discard_body() { peer_.discard(asked_.length); }
  /// The next so many bytes of the body.
  std::string read_text(std::size_t count);
  void discard(std::uint64_t count) { peer_.discard(count); }
  bool keeps(const std::string& name) const;
  /// Those headers of the request whose names begin so, and the content type.
  fields stored_headers(std::string_view prefix) const;
  /// Answers GET and HEAD of an object, whole or a range of it.
  void send_stored(const std::string& name, const char* absent_code);

  const request& asked_;
  object_table& objects_;

private:
  void send(const std::string& bytes);
  void send_object(
      const object& o, const answer& a, std::uint64_t from, std::uint64_t end, bool is_head);

  stream& peer_;
  const behaviour& how_;
  bool keep_alive_ = true;
};

using protocol = std::unique_ptr<exchange> (*)(const surroundings&);

/// Answers the requests of one connection until its peer closes it.
void serve(stream& peer, object_table& objects, const behaviour& how, protocol speak);

template <class Number> Number number_of(const std::string& text) {
  Number value{};
  const char* end = text.data() + text.size();
  if (text.empty() || std::from_chars(text.data(), end, value).ptr != end)
    throw std::runtime_error("not a number: " + text);
  return value;
}

} // namespace sink
