// Whole objects in and out of a store, each call on the loop by itself.
#include "store/conformance.hpp"

#include <wale/base/error.hpp>

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>

namespace wale::test {
namespace {

class text_source final : public io::source {
public:
  text_source(
      io::block_budget budget,
      std::string content,
      std::size_t piece,
      std::optional<std::size_t> fail_after,
      std::function<void()> half_way)
      : budget_(std::move(budget)), content_(std::move(content)), piece_(piece),
        fail_after_(fail_after), half_way_(std::move(half_way)) {}

  task<io::block> next() override {
    if (fail_after_ && offset_ >= *fail_after_) throw failure(kind::corrupt, "the source failed");
    if (offset_ == content_.size()) co_return io::block();
    io::block b = co_await budget_.acquire();
    const std::size_t n = std::min({piece_, b.room().size(), content_.size() - offset_});
    std::memcpy(b.room().data(), content_.data() + offset_, n);
    b.append(n);
    offset_ += n;
    if (half_way_ && offset_ >= content_.size() / 2) std::exchange(half_way_, nullptr)();
    co_return std::move(b);
  }

  task<> close() override { co_return; }

private:
  io::block_budget budget_;
  std::string content_;
  std::size_t piece_;
  std::optional<std::size_t> fail_after_;
  std::function<void()> half_way_;
  std::size_t offset_ = 0;
};

task<> put_task(
    io::runtime& rt,
    store::store& s,
    store::put_request request,
    std::string content,
    store::put_result& result) {
  io::block_budget budget = co_await rt.blocks().reserve(4);
  const std::unique_ptr<io::source> body = make_source(std::move(budget), std::move(content));
  result = co_await s.put(std::move(request), *body);
}

task<> put_from_task(
    io::runtime& rt,
    store::store& s,
    store::put_request request,
    io::source& body,
    bool staged,
    store::put_result& result) {
  if (staged) request.staging = co_await rt.blocks().reserve(s.staging_blocks());
  result = co_await s.put(std::move(request), body);
}

struct reading {
  std::function<task<>()> between;
  std::string text = {};

  task<> operator()(io::source& body) {
    while (true) {
      const io::block b = co_await body.next();
      if (!b) break;
      text.append(reinterpret_cast<const char*>(b.bytes().data()), b.size());
      if (!between) continue;
      const std::function<task<>()> now = std::exchange(between, nullptr);
      co_await now();
    }
  }
};

task<> get_task(
    io::runtime& rt,
    store::store& s,
    std::string key,
    std::function<task<>()> between,
    std::optional<std::string>& content) {
  io::block_budget budget = co_await rt.blocks().reserve(4);
  const std::unique_ptr<io::source> body = co_await s.get(key_of(key), std::move(budget));
  if (!body) co_return;
  reading read{std::move(between)};
  co_await io::with_source(*body, std::ref(read));
  content = std::move(read.text);
}

task<>
head_task(store::store& s, std::string key, std::optional<store::object_attributes>& result) {
  result = co_await s.head(key_of(key));
}

task<> list_task(store::store& s, std::string prefix, std::vector<store::object_info>& result) {
  result = co_await s.list(std::move(prefix));
}

task<> remove_task(store::store& s, std::vector<store::object_key> keys) {
  co_await s.remove(std::move(keys));
}

} // namespace

std::unique_ptr<io::source> make_source(
    io::block_budget budget,
    std::string content,
    std::size_t piece,
    std::optional<std::size_t> fail_after,
    std::function<void()> half_way) {
  return std::make_unique<text_source>(
      std::move(budget), std::move(content), piece, fail_after, std::move(half_way));
}

store::object_key key_of(const std::string& name) {
  store::object_key key;
  key.name = name;
  return key;
}

std::string noise(std::size_t size) {
  std::mt19937_64 random(size);
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; i += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(text.data() + i, &word, std::min(sizeof word, size - i));
  }
  return text;
}

std::optional<kind> kind_of_failure(const std::function<void()>& action) {
  try {
    action();
  } catch (const failure& f) {
    return f.why();
  }
  return std::nullopt;
}

store::put_result
put(io::runtime& rt,
    store::store& s,
    const std::string& key,
    const std::string& content,
    store::put_condition condition,
    std::optional<sha256_value> digest) {
  store::put_request request;
  request.key = key_of(key);
  request.condition = condition;
  request.plain_digest = [digest] { return digest; };
  store::put_result result;
  rt.run(put_task(rt, s, std::move(request), content, result));
  return result;
}

store::put_result put_from(
    io::runtime& rt,
    store::store& s,
    const std::string& key,
    io::source& body,
    store::put_condition condition,
    bool staged) {
  store::put_request request;
  request.key = key_of(key);
  request.condition = condition;
  store::put_result result;
  rt.run(put_from_task(rt, s, std::move(request), body, staged, result));
  return result;
}

std::optional<std::string> get(io::runtime& rt, store::store& s, const std::string& key) {
  return get_in_two(rt, s, key, nullptr);
}

std::optional<std::string> get_in_two(
    io::runtime& rt, store::store& s, const std::string& key, std::function<task<>()> between) {
  std::optional<std::string> content;
  rt.run(get_task(rt, s, key, std::move(between), content));
  return content;
}

std::vector<store::object_info>
list_objects(io::runtime& rt, store::store& s, const std::string& prefix) {
  std::vector<store::object_info> objects;
  rt.run(list_task(s, prefix, objects));
  return objects;
}

std::vector<std::string> list(io::runtime& rt, store::store& s, const std::string& prefix) {
  std::vector<std::string> names;
  for (const store::object_info& o : list_objects(rt, s, prefix))
    names.push_back(o.key.name);
  return names;
}

std::optional<store::object_attributes>
head(io::runtime& rt, store::store& s, const std::string& key) {
  std::optional<store::object_attributes> result;
  rt.run(head_task(s, key, result));
  return result;
}

void remove(io::runtime& rt, store::store& s, const std::vector<std::string>& keys) {
  std::vector<store::object_key> names;
  for (const std::string& key : keys)
    names.push_back(key_of(key));
  rt.run(remove_task(s, std::move(names)));
}

} // namespace wale::test
