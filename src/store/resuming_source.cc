// Tries and time are counted from the last byte that came, so a slow but living connection may
// break as often as it likes.
#include "resuming_source.hpp"

#include "answer.hpp"

#include <wale/base/crc32c.hpp>
#include <wale/io/shield.hpp>

#include <exception>
#include <utility>

namespace wale::store {
namespace {

class resuming_source final : public io::source {
public:
  resuming_source(resumption& how, std::string key, io::block_budget budget)
      : how_(how), key_(std::move(key)), budget_(std::move(budget)) {}

  task<bool> open() {
    std::optional<opened_object> first = co_await how_.remote.get(key_, 0, std::string(), budget_);
    if (!first) co_return false;
    facts_ = std::move(first->facts);
    body_ = std::move(first->body);
    co_return true;
  }

  task<io::block> next() override {
    if (ended_) co_return io::block();
    retry_schedule schedule(how_.policy, how_.random, how_.log);
    const std::string doing = "Fetching \"" + key_ + "\" from byte " + std::to_string(offset_);
    while (true) {
      io::block b;
      std::exception_ptr error;
      try {
        if (!body_) co_await reopen(schedule, doing);
        b = co_await body_->next();
        accept(b);
      } catch (...) {
        error = std::current_exception();
      }
      if (!error) co_return std::move(b);
      b = io::block();
      co_await drop_body();
      if (offset_ == facts_.size && is_failure(error, kind::unavailable))
        break; // nothing is left to ask for
      // Without a mark nothing could tell the rest of this object from that of another.
      if (facts_.etag.empty()) std::rethrow_exception(error);
      const std::chrono::milliseconds pause = schedule.pause_after(error, doing);
      if (pause.count() > 0) co_await how_.rt.sleep(pause);
    }
    check_sum();
    ended_ = true;
    co_return io::block();
  }

  task<> close() override {
    ended_ = true;
    if (body_) co_await body_->close();
    body_.reset();
  }

private:
  task<> reopen(const retry_schedule& schedule, const std::string& doing) {
    std::optional<opened_object> again = co_await answer_within(
        how_.rt, schedule.left(), doing, how_.remote.get(key_, offset_, facts_.etag, budget_));
    if (!again)
      throw failure(
          kind::corrupt,
          "an object was removed while it was read",
          "\"" + key_ + "\" was there until byte " + std::to_string(offset_) + " of " +
              std::to_string(facts_.size) + ".");
    body_ = std::move(again->body);
    if (again->facts.etag != facts_.etag || again->facts.size != facts_.size)
      throw failure(
          kind::corrupt,
          "an object was replaced while it was read",
          "\"" + key_ + "\" was another one at byte " + std::to_string(offset_) + " of " +
              std::to_string(facts_.size) + ".",
          "Run it again.");
  }

  // An empty handle is the end, which must come after exactly the object's size.
  void accept(const io::block& b) {
    offset_ += b ? b.size() : 0;
    if (b && facts_.crc32c) crc32c_ = crc32c(b.bytes(), crc32c_);
    if (offset_ > facts_.size)
      throw failure(
          kind::corrupt,
          "an object has more bytes than the store said",
          "\"" + key_ + "\" has more than " + std::to_string(facts_.size) + " bytes.");
    if (b) return;
    if (offset_ < facts_.size)
      throw failure(
          kind::unavailable,
          "an object ended early",
          "\"" + key_ + "\" ended at byte " + std::to_string(offset_) + " of " +
              std::to_string(facts_.size) + ".");
    check_sum();
    ended_ = true;
  }

  void check_sum() const {
    if (facts_.crc32c && *facts_.crc32c != crc32c_)
      throw failure(
          kind::corrupt,
          "an object was damaged on its way",
          "\"" + key_ + "\": the CRC-32C of what came is not the one that the store keeps.",
          "Run it again; look for a faulty proxy, network card or memory.");
  }

  task<> drop_body() {
    if (!body_) co_return;
    const std::unique_ptr<io::source> body = std::move(body_);
    co_await io::shield(body->close());
  }

  resumption& how_;
  std::string key_;
  io::block_budget budget_; // outlives the body
  object_facts facts_;
  std::unique_ptr<io::source> body_;
  std::uint64_t offset_ = 0;
  std::uint32_t crc32c_ = 0; ///< of the bytes before it
  bool ended_ = false;
};

} // namespace

task<std::unique_ptr<io::source>>
open_resuming(resumption& how, std::string key, io::block_budget budget) {
  auto source = std::make_unique<resuming_source>(how, std::move(key), std::move(budget));
  const bool found = co_await source->open();
  if (!found) co_return nullptr;
  co_return std::move(source);
}

} // namespace wale::store
