// Each request is a loop of attempts. An attempt at storing that follows one without an answer
// looks whose object it meets.
#include "retrying.hpp"

#include "answer.hpp"
#include "retry_schedule.hpp"

#include <utility>

namespace wale::store {
namespace {

using outcome = put_result::outcome;

// Whether the server said so, as opposed to the network.
bool is_answer(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const request_failure&) {
    return true;
  } catch (...) {
    return false;
  }
}

std::uint64_t total(const http::body_pieces& pieces) {
  std::uint64_t n = 0;
  for (const auto& p : pieces)
    n += p.size();
  return n;
}

std::uint64_t total(const std::vector<uploaded_part>& parts) {
  std::uint64_t n = 0;
  for (const uploaded_part& p : parts)
    n += p.size;
  return n;
}

class retrying final : public bucket {
public:
  retrying(
      io::runtime& rt, std::unique_ptr<bucket> inner, retry_policy policy, random_source random)
      : runtime_(rt), inner_(std::move(inner)), policy_(policy),
        random_(random ? std::move(random) : make_random_source()) {}

  const bucket_traits& traits() const override { return inner_->traits(); }
  task<> warm_up() override { return inner_->warm_up(); }
  task<> close() override { return inner_->close(); }

  task<outcome>
  put(std::string key,
      object_description description,
      http::body_pieces body,
      put_condition condition) override {
    retry_schedule schedule(policy_, random_, log_);
    auto attempt = [&] { return put_once(key, description, body, condition); };
    co_return co_await repeat(schedule, naming("Storing", key), attempt);
  }

  task<upload>
  begin(std::string key, object_description description, put_condition condition) override {
    retry_schedule schedule(policy_, random_, log_);
    auto attempt = [&] { return inner_->begin(key, description, condition); };
    co_return co_await repeat(schedule, naming("Beginning the upload of", key), attempt);
  }

  task<uploaded_part>
  put_part(const upload& to, std::uint32_t number, http::body_pieces body) override {
    retry_schedule schedule(policy_, random_, log_);
    auto attempt = [&] { return inner_->put_part(to, number, body); };
    std::string doing = naming("Storing", to.key) + ", part " + std::to_string(number) + ",";
    co_return co_await repeat(schedule, std::move(doing), attempt);
  }

  task<outcome> complete(const upload& what, const std::vector<uploaded_part>& parts) override {
    retry_schedule schedule(policy_, random_, log_);
    auto attempt = [&] { return complete_once(what, parts, schedule.unsure()); };
    co_return co_await repeat(schedule, naming("Completing the upload of", what.key), attempt);
  }

  task<> abort(const upload& what) override {
    retry_schedule schedule(policy_, random_, log_);
    auto attempt = [&] { return without_result(inner_->abort(what)); };
    co_await repeat(schedule, naming("Aborting the upload of", what.key), attempt);
  }

  task<std::vector<unfinished_upload>> unfinished(std::string key_prefix) override {
    retry_schedule schedule(policy_, random_, log_);
    auto attempt = [&] { return inner_->unfinished(key_prefix); };
    co_return co_await repeat(
        schedule, naming("Listing unfinished uploads below", key_prefix), attempt);
  }

  task<std::optional<object_facts>> head(std::string key) override {
    retry_schedule schedule(policy_, random_, log_);
    auto attempt = [&] { return inner_->head(key); };
    co_return co_await repeat(schedule, naming("Looking for", key), attempt);
  }

  task<std::optional<opened_object>>
  get(std::string key, std::uint64_t offset, std::string etag, io::block_budget& budget) override {
    retry_schedule schedule(policy_, random_, log_);
    auto attempt = [&] { return inner_->get(key, offset, etag, budget); };
    co_return co_await repeat(schedule, naming("Fetching", key), attempt);
  }

  task<list_page> list(std::string key_prefix, std::string after) override {
    retry_schedule schedule(policy_, random_, log_);
    auto attempt = [&] { return inner_->list(key_prefix, after); };
    co_return co_await repeat(schedule, naming("Listing", key_prefix), attempt);
  }

  task<std::vector<failed_removal>> remove(std::vector<std::string> keys) override {
    retry_schedule schedule(policy_, random_, log_);
    auto attempt = [&] { return inner_->remove(keys); };
    const std::string first = keys.empty() ? std::string() : keys.front();
    co_return co_await repeat(schedule, naming("Removing", first), attempt);
  }

private:
  std::string naming(const char* verb, const std::string& key) const {
    const std::string& server = traits().server;
    return std::string(verb) + " \"" + key + "\"" + (server.empty() ? "" : " at " + server);
  }

  // `attempt` makes a task; what it refers to is the caller's, who awaits.
  template <class Attempt>
  std::invoke_result_t<Attempt&>
  repeat(retry_schedule& schedule, std::string doing, Attempt& attempt) {
    using result = typename std::invoke_result_t<Attempt&>::value_type;
    while (true) {
      std::optional<result> value;
      std::exception_ptr error;
      try {
        value.emplace(co_await answer_within(runtime_, schedule.left(), doing, attempt()));
      } catch (...) {
        error = std::current_exception();
      }
      if (!error) co_return std::move(*value);
      const std::chrono::milliseconds pause = schedule.pause_after(error, doing);
      if (pause.count() > 0) co_await runtime_.sleep(pause);
    }
  }

  task<bool> is_ours(std::string key, std::string token, std::uint64_t size) {
    if (token.empty()) co_return false;
    const std::optional<object_facts> facts = co_await inner_->head(std::move(key));
    co_return facts && facts->token == token && facts->size == size;
  }

  // What exists may be ours, whatever number the attempt has: a client replaces a kept connection
  // that died under a request, and the server may have got it.
  task<outcome> put_once(
      std::string key,
      object_description description,
      http::body_pieces body,
      put_condition condition) {
    const std::uint64_t size = total(body);
    const std::string token = description.token;
    const outcome what =
        co_await inner_->put(key, std::move(description), std::move(body), condition);
    if (what == outcome::stored) co_return what;
    const bool ours = co_await is_ours(std::move(key), token, size);
    if (ours) co_return outcome::stored;
    co_return outcome::exists;
  }

  // Whatever a server says about an upload that it has completed already - `exists`, NoSuchUpload,
  // or an internal error, as some work-alikes do -, the object tells. `again`: an attempt before
  // this one may have been done without our knowing. What exists may be ours even on the first one,
  // as with put_once(), where completing is a PUT.
  task<outcome>
  complete_once(const upload& what, const std::vector<uploaded_part>& parts, bool again) {
    std::exception_ptr error;
    outcome answer = outcome::stored;
    try {
      answer = co_await inner_->complete(what, parts);
    } catch (...) {
      error = std::current_exception();
    }
    if (error ? again && is_answer(error) : answer == outcome::exists) {
      const bool ours = co_await is_ours(what.key, what.description.token, total(parts));
      if (ours) co_return outcome::stored;
    }
    if (error) std::rethrow_exception(error);
    co_return answer;
  }

  io::runtime& runtime_;
  std::unique_ptr<bucket> inner_;
  retry_policy policy_;
  random_source random_;
  storm_log log_;
};

} // namespace

std::unique_ptr<bucket> make_retrying(
    io::runtime& rt, std::unique_ptr<bucket> inner, retry_policy policy, random_source random) {
  return std::make_unique<retrying>(rt, std::move(inner), policy, std::move(random));
}

} // namespace wale::store
