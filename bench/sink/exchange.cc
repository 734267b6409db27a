#include "exchange.hpp"

#include <algorithm>
#include <thread>

namespace sink {
namespace {

constexpr std::uint64_t kept_below = 64U << 10;
constexpr std::uint64_t document_limit = 16U << 20;

} // namespace

void exchange::run() {
  if (asked_.is_chunked) {
    keep_alive_ = false; // where its body ends is not looked for
    return reply(refusal(411, "MissingContentLength", "A length is needed."));
  }
  if (asked_.wants_continue) {
    peer_.write("HTTP/1.1 100 Continue\r\n\r\n");
    peer_.flush();
  }
  respond();
}

void exchange::reply(const answer& a) {
  const std::uint64_t length = a.body.size();
  send(head_of(a, length, keeps_alive()) + (asked_.method == "HEAD" ? "" : a.body));
}

void exchange::send(const std::string& bytes) {
  if (how_.latency.count() > 0) std::this_thread::sleep_for(how_.latency);
  peer_.write(bytes);
  peer_.flush();
}

std::string exchange::read_text(std::size_t count) {
  std::string text(count, '\0');
  peer_.read(text.data(), text.size());
  return text;
}

std::string exchange::read_document() {
  if (asked_.length > document_limit) throw std::runtime_error("the document is too long");
  return read_text(asked_.length);
}

bool exchange::keeps(const std::string& name) const {
  return asked_.length < kept_below || (how_.kept && name.find(*how_.kept) != name.npos);
}

piece exchange::read_body(const std::string& name) {
  piece body{asked_.length};
  if (keeps(name)) {
    // Without zeroes: what is received overwrites it.
    std::shared_ptr<char[]> bytes(new char[body.size]);
    peer_.read(bytes.get(), body.size);
    body.bytes = std::move(bytes);
  } else {
    peer_.discard(body.size);
  }
  return body;
}

fields exchange::stored_headers(std::string_view prefix) const {
  fields kept;
  for (const auto& [name, value] : asked_.headers)
    if (name.starts_with(prefix) || name == "content-type") kept[name] = value;
  return kept;
}

void exchange::send_stored(const std::string& name, const char* absent_code) {
  const object_pointer found = objects_.find(name);
  if (!found) return reply(refusal(404, absent_code, name));
  const auto wanted = asked_.header("if-match");
  if (wanted && *wanted != found->etag && *wanted != "*")
    return reply(refusal(412, "PreconditionFailed", "If-Match"));
  const bool is_head = asked_.method == "HEAD";
  if (!is_head && !found->is_kept())
    return reply(refusal(410, "BodyDiscarded", "Start the sink with --keep."));

  const std::uint64_t size = found->size();
  std::uint64_t from = 0, end = size;
  answer a{200, found->headers};
  a.headers["ETag"] = found->etag;
  a.headers["Last-Modified"] = http_date(found->modified);
  a.headers["Accept-Ranges"] = "bytes";
  if (const auto range = asked_.header("range"); range && range->starts_with("bytes=")) {
    const auto dash = range->find('-');
    from = number_of<std::uint64_t>(range->substr(6, dash - 6));
    if (from >= size) return reply(refusal(416, "InvalidRange", *range));
    if (dash + 1 < range->size())
      end = std::min(size, number_of<std::uint64_t>(range->substr(dash + 1)) + 1);
    if (end <= from) return reply(refusal(416, "InvalidRange", *range));
    a.status = 206;
    a.headers["Content-Range"] = "bytes " + std::to_string(from) + '-' + std::to_string(end - 1) +
                                 '/' + std::to_string(size);
  }
  send_object(*found, a, from, end, is_head);
}

void exchange::send_object(
    const object& o, const answer& a, std::uint64_t from, std::uint64_t end, bool is_head) {
  const std::string head = head_of(a, end - from, keeps_alive());
  if (is_head) return send(head);
  if (how_.latency.count() > 0) std::this_thread::sleep_for(how_.latency);
  peer_.write(head);
  std::uint64_t begin = 0; // of the piece
  for (const piece& p : o.pieces) {
    const std::uint64_t first = std::clamp(from, begin, begin + p.size) - begin;
    const std::uint64_t last = std::clamp(end, begin, begin + p.size) - begin;
    peer_.write({p.bytes.get() + first, last - first});
    begin += p.size;
  }
  peer_.flush();
}

void serve(stream& peer, object_table& objects, const behaviour& how, protocol speak) {
  for (;;) {
    const std::string head = peer.read_head();
    if (head.empty()) return;
    const request asked = parse_request(head);
    const auto one = speak({peer, objects, how, asked});
    one->run();
    if (!one->keeps_alive()) return;
  }
}

} // namespace sink
