// Every request waits on the loop before and after its effect, so that requests at the same time
// interleave and each can be cancelled at both places.
#include "store/fake_bucket.hpp"

#include <wale/base/wall_clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

namespace wale::test {
namespace {

using outcome = store::put_result::outcome;
using repeat = store::request_failure::repeat;

constexpr std::size_t piece = 200'000; // so blocks come partly filled

std::string gathered(const http::body_pieces& pieces) {
  std::string bytes;
  for (const auto& p : pieces)
    bytes.append(reinterpret_cast<const char*>(p.data()), p.size());
  return bytes;
}

store::object_facts facts_of(const fake_server& server, const fake_object& o) {
  store::object_facts f;
  f.size = o.bytes.size() - server.understated;
  f.plain_digest = o.description.plain_digest;
  f.token = o.description.token;
  f.etag = o.etag;
  return f;
}

[[noreturn]] void refuse(repeat when, const std::string& code) {
  std::rethrow_exception(answered(when, code));
}

task<> wait(io::runtime& rt, const fake_server& server) {
  server.waits();
  co_await rt.sleep(std::chrono::nanoseconds(0));
}

// Fails now, or never answers.
task<> suffer(io::runtime& rt, const fault& f) {
  if (f.error) std::rethrow_exception(f.error);
  co_await rt.sleep(std::chrono::hours(24));
}

class fake_body final : public io::source {
public:
  fake_body(
      io::runtime& rt,
      std::shared_ptr<fake_server> server,
      std::shared_ptr<const fake_object> object,
      std::uint64_t offset,
      io::block_budget& budget)
      : runtime_(rt), server_(std::move(server)), object_(std::move(object)), offset_(offset),
        begun_(offset), budget_(budget), fault_(server_->take_fault("body")) {
    ++server_->bodies_open;
  }

  task<io::block> next() override {
    co_await wait(runtime_, *server_);
    std::uint64_t end = object_->bytes.size();
    if (fault_) end = std::min(end, begun_ + fault_->at);
    if (offset_ == end) {
      if (fault_ && !fault_->quiet) co_await suffer(runtime_, *fault_);
      co_return io::block();
    }
    io::block b = co_await budget_.acquire();
    const std::size_t n = std::min({piece, b.room().size(), std::size_t{end - offset_}});
    std::memcpy(b.room().data(), object_->bytes.data() + offset_, n);
    b.append(n);
    offset_ += n;
    co_return std::move(b);
  }

  task<> close() override {
    if (!std::exchange(closed_, true)) --server_->bodies_open;
    co_return;
  }

private:
  io::runtime& runtime_;
  std::shared_ptr<fake_server> server_;
  std::shared_ptr<const fake_object> object_;
  std::uint64_t offset_;
  std::uint64_t begun_;
  io::block_budget& budget_;
  std::optional<fault> fault_;
  bool closed_ = false;
};

class fake_bucket final : public store::bucket {
public:
  fake_bucket(io::runtime& rt, std::shared_ptr<fake_server> server)
      : runtime_(rt), server_(std::move(server)) {}

  const store::bucket_traits& traits() const override { return server_->traits; }

  task<> warm_up() override {
    const request r(*this, "warm_up", "");
    co_await r.arrive();
    co_await r.answer();
  }

  task<outcome>
  put(std::string key,
      store::object_description description,
      http::body_pieces body,
      store::put_condition condition) override {
    const request r(*this, "put", key);
    const std::string sent = gathered(body);
    co_await r.arrive();
    fake_object o;
    o.bytes = gathered(body);
    o.description = std::move(description);
    const outcome what = publish(key, std::move(o), condition);
    co_await r.answer();
    if (gathered(body) != sent) ++server_->bodies_changed;
    co_return what;
  }

  task<store::upload> begin(
      std::string key,
      store::object_description description,
      store::put_condition condition) override {
    const request r(*this, "begin", key);
    co_await r.arrive();
    fake_upload u;
    u.what.key = std::move(key);
    u.what.id = "upload-" + std::to_string(++server_->begun);
    u.what.description = std::move(description);
    u.what.condition = condition;
    u.begun_ns = now_ns();
    const store::upload what = u.what;
    server_->uploads.emplace(what.id, std::move(u));
    co_await r.answer();
    co_return what;
  }

  task<store::uploaded_part>
  put_part(const store::upload& to, std::uint32_t number, http::body_pieces body) override {
    const request r(*this, "put_part", to.key + " " + std::to_string(number));
    const std::string sent = gathered(body);
    co_await r.arrive();
    upload_of(to).parts[number] = gathered(body);
    co_await r.answer();
    if (gathered(body) != sent) ++server_->bodies_changed;
    store::uploaded_part p;
    p.number = number;
    p.size = sent.size();
    p.tag = "tag-" + std::to_string(number);
    co_return p;
  }

  task<outcome>
  complete(const store::upload& what, const std::vector<store::uploaded_part>& parts) override {
    const request r(*this, "complete", what.key);
    co_await r.arrive();
    fake_object o;
    o.bytes = joined(upload_of(what), parts);
    o.description = what.description;
    const outcome done = publish(what.key, std::move(o), what.condition);
    if (done == outcome::stored) server_->uploads.erase(what.id);
    co_await r.answer();
    co_return done;
  }

  task<> abort(const store::upload& what) override {
    const request r(*this, "abort", what.key);
    co_await r.arrive();
    server_->uploads.erase(what.id);
    co_await r.answer();
  }

  task<std::vector<store::unfinished_upload>> unfinished(std::string key_prefix) override {
    const request r(*this, "unfinished", key_prefix);
    co_await r.arrive();
    std::vector<store::unfinished_upload> found;
    for (const auto& [id, u] : server_->uploads) {
      if (!u.what.key.starts_with(key_prefix)) continue;
      store::unfinished_upload f;
      f.key = u.what.key;
      f.id = id;
      f.begun_ns = u.begun_ns;
      found.push_back(std::move(f));
    }
    co_await r.answer();
    co_return found;
  }

  task<std::optional<store::object_facts>> head(std::string key) override {
    const request r(*this, "head", key);
    co_await r.arrive();
    std::optional<store::object_facts> facts;
    const auto found = server_->objects.find(key);
    if (found != server_->objects.end()) facts = facts_of(*server_, *found->second);
    co_await r.answer();
    co_return facts;
  }

  task<std::optional<store::opened_object>>
  get(std::string key, std::uint64_t offset, std::string etag, io::block_budget& budget) override {
    const request r(*this, "get", key + " " + std::to_string(offset));
    co_await r.arrive();
    const auto found = server_->objects.find(key);
    if (found == server_->objects.end()) co_return std::nullopt;
    const std::shared_ptr<const fake_object> object = found->second;
    if (!etag.empty() && object->etag != etag && server_->obeys_if_match)
      throw failure(kind::corrupt, "the object is another one", key);
    if (offset > 0 && offset >= object->bytes.size()) refuse(repeat::never, "InvalidRange");
    co_await r.answer();
    store::opened_object opened;
    opened.facts = facts_of(*server_, *object);
    opened.body = std::make_unique<fake_body>(runtime_, server_, object, offset, budget);
    co_return std::move(opened);
  }

  task<store::list_page> list(std::string key_prefix, std::string after) override {
    const request r(*this, "list", key_prefix + " " + after);
    co_await r.arrive();
    store::list_page page;
    for (const auto& [key, o] : server_->objects) {
      if (!key.starts_with(key_prefix) || key <= after) continue;
      page.more = page.objects.size() == server_->page;
      if (page.more) break;
      store::object_info info;
      info.key.name = key;
      info.size = o->bytes.size();
      info.modified_ns = o->modified_ns;
      info.last_modified = "2026-11-20T18:56:40.000Z";
      page.objects.push_back(std::move(info));
    }
    if (server_->tamper) server_->tamper(page);
    co_await r.answer();
    co_return page;
  }

  task<std::vector<store::failed_removal>> remove(std::vector<std::string> keys) override {
    const request r(*this, "remove", keys.empty() ? std::string() : keys.front());
    co_await r.arrive();
    if (keys.size() > traits().removals_at_once) refuse(repeat::never, "MalformedXML");
    std::vector<store::failed_removal> failed;
    for (const std::string& key : keys) {
      const auto kept = server_->kept.find(key);
      if (kept == server_->kept.end()) {
        server_->objects.erase(key);
        continue;
      }
      store::failed_removal f;
      f.key = key;
      f.code = kept->second;
      f.message = "it stays";
      failed.insert(failed.begin(), std::move(f)); // in no useful order
    }
    co_await r.answer();
    co_return failed;
  }

  task<> close() override { co_return; }

private:
  // One request's way there and back.
  class request {
  public:
    request(fake_bucket& b, std::string operation, const std::string& what)
        : bucket_(b), operation_(std::move(operation)) {
      fake_server& s = *b.server_;
      s.requests.push_back(operation_ + " " + what);
      const int now = ++s.in_flight[operation_];
      s.most_in_flight[operation_] = std::max(s.most_in_flight[operation_], now);
      fault_ = s.take_fault(operation_);
    }
    request(const request&) = delete;
    request& operator=(const request&) = delete;
    ~request() { --bucket_.server_->in_flight[operation_]; }

    task<> arrive() const {
      co_await wait(bucket_.runtime_, *bucket_.server_);
      if (operation_ == "warm_up") co_return;
      if (bucket_.server_->missing) refuse(repeat::never, "NoSuchBucket");
      if (std::exchange(bucket_.server_->token_expired, false))
        refuse(repeat::at_once, "ExpiredToken");
      if (fault_ && !fault_->done) co_await suffer(bucket_.runtime_, *fault_);
    }

    task<> answer() const {
      co_await wait(bucket_.runtime_, *bucket_.server_);
      if (fault_) co_await suffer(bucket_.runtime_, *fault_);
    }

  private:
    fake_bucket& bucket_;
    std::string operation_;
    std::optional<fault> fault_;
  };

  fake_upload& upload_of(const store::upload& what) {
    const auto found = server_->uploads.find(what.id);
    if (found == server_->uploads.end()) refuse(repeat::never, "NoSuchUpload");
    return found->second;
  }

  // Parts must be the ones that came, in order, and of one size but for the last.
  std::string joined(const fake_upload& u, const std::vector<store::uploaded_part>& parts) const {
    std::string bytes;
    std::uint32_t last = 0;
    for (const store::uploaded_part& p : parts) {
      const auto found = u.parts.find(p.number);
      if (p.number <= last) refuse(repeat::never, "InvalidPartOrder");
      if (found == u.parts.end() || p.tag != "tag-" + std::to_string(p.number))
        refuse(repeat::never, "InvalidPart");
      const std::uint64_t size = found->second.size();
      const bool is_last = &p == &parts.back();
      if (!is_last && size < server_->least_part) refuse(repeat::never, "EntityTooSmall");
      if (is_last ? size > parts.front().size : size != parts.front().size)
        refuse(repeat::never, "InvalidPart");
      bytes += found->second;
      last = p.number;
    }
    if (parts.empty()) refuse(repeat::never, "MalformedXML");
    return bytes;
  }

  outcome publish(const std::string& key, fake_object o, store::put_condition condition) {
    if (condition == store::put_condition::create_only && server_->objects.contains(key))
      return outcome::exists;
    server_->store_object(key, std::move(o));
    return outcome::stored;
  }

  io::runtime& runtime_;
  std::shared_ptr<fake_server> server_;
};

} // namespace

std::exception_ptr broken_connection(const std::string& detail) {
  return std::make_exception_ptr(
      failure(kind::unavailable, "the connection to the server broke", detail));
}

std::exception_ptr answered(repeat when, std::string code, std::chrono::milliseconds pause) {
  const kind k = when == repeat::never ? kind::configuration : kind::unavailable;
  const failure f(k, "the store refused a request", "It said " + code + ".");
  return std::make_exception_ptr(store::request_failure(f, when, std::move(code), pause));
}

fake_server::fake_server() {
  traits.kind_name = "fake";
  traits.url_root = "fake://bucket/";
}

int fake_server::count(const std::string& operation) const {
  return static_cast<int>(std::ranges::count_if(
      requests, [&](const std::string& r) { return r.starts_with(operation + " "); }));
}

std::optional<fault> fake_server::take_fault(const std::string& operation) {
  for (auto f = faults.begin(); f != faults.end(); ++f) {
    if (f->operation != operation) continue;
    if (f->spare > 0) {
      --f->spare;
      return std::nullopt;
    }
    fault taken = *f;
    if (--f->times == 0) faults.erase(f);
    return taken;
  }
  return std::nullopt;
}

void fake_server::store_object(const std::string& key, fake_object o) {
  if (etags) o.etag = "\"v" + std::to_string(++versions_) + "\"";
  o.modified_ns = now_ns();
  objects[key] = std::make_shared<const fake_object>(std::move(o));
}

std::unique_ptr<store::bucket>
make_fake_bucket(io::runtime& rt, std::shared_ptr<fake_server> server) {
  return std::make_unique<fake_bucket>(rt, std::move(server));
}

} // namespace wale::test
