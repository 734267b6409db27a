#include "store/conformance.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <exception>
#include <random>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace wale::test {
namespace {

class text_source final : public io::source {
public:
  text_source(
      io::block_budget budget,
      std::string content,
      std::size_t piece,
      std::optional<std::size_t> fail_after)
      : budget_(std::move(budget)), content_(std::move(content)), piece_(piece),
        fail_after_(fail_after) {}

  task<io::block> next() override {
    if (fail_after_ && offset_ >= *fail_after_) throw failure(kind::corrupt, "the source failed");
    if (offset_ == content_.size()) co_return io::block();
    io::block b = co_await budget_.acquire();
    const std::size_t n = std::min({piece_, b.room().size(), content_.size() - offset_});
    std::memcpy(b.room().data(), content_.data() + offset_, n);
    b.append(n);
    offset_ += n;
    co_return std::move(b);
  }

  task<> close() override { co_return; }

private:
  io::block_budget budget_;
  std::string content_;
  std::size_t piece_;
  std::optional<std::size_t> fail_after_;
  std::size_t offset_ = 0;
};

store::object_key key_of(const std::string& name) {
  store::object_key key;
  key.name = name;
  return key;
}

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

task<> put_failing(io::runtime& rt, store::store& s, std::string key, bool& failed) {
  io::block_budget budget = co_await rt.blocks().reserve(4);
  const std::unique_ptr<io::source> body =
      make_source(std::move(budget), std::string(1 << 20, 'x'), io::block::payload, 600'000);
  store::put_request request;
  request.key = key_of(key);
  try {
    co_await s.put(std::move(request), *body);
  } catch (const failure& f) {
    failed = f.why() == kind::corrupt;
  }
}

task<>
get_task(io::runtime& rt, store::store& s, std::string key, std::optional<std::string>& content) {
  io::block_budget budget = co_await rt.blocks().reserve(4);
  const std::unique_ptr<io::source> body = co_await s.get(key_of(key), std::move(budget));
  if (!body) co_return;
  std::string text;
  while (true) {
    const io::block b = co_await body->next();
    if (!b) break;
    text.append(reinterpret_cast<const char*>(b.bytes().data()), b.size());
  }
  co_await body->close();
  content = std::move(text);
}

task<>
head_task(store::store& s, std::string key, std::optional<store::object_attributes>& result) {
  result = co_await s.head(key_of(key));
}

task<> list_task(store::store& s, std::string prefix, std::vector<store::object_info>& result) {
  result = co_await s.list(std::move(prefix));
}

task<> remove_task(store::store& s, std::vector<std::string> names) {
  std::vector<store::object_key> keys;
  for (const std::string& n : names)
    keys.push_back(key_of(n));
  co_await s.remove(std::move(keys));
}

task<> prepare_task(store::store& s) {
  co_await s.prepare();
}

std::optional<store::object_attributes>
head(io::runtime& rt, store::store& s, const std::string& key) {
  std::optional<store::object_attributes> result;
  rt.run(head_task(s, key, result));
  return result;
}

std::string noise(std::size_t size) {
  std::mt19937_64 random(size);
  std::string text(size, '\0');
  for (char& c : text)
    c = static_cast<char>(random());
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

// Two processes put different content under one name at the same moment.
void race(const store_fixture& fixture, const std::string& key, const std::string contents[2]) {
  int gate[2];
  REQUIRE(::pipe(gate) == 0);
  pid_t children[2];
  for (int i = 0; i < 2; ++i) {
    children[i] = ::fork();
    if (children[i] != 0) continue;
    ::close(gate[1]);
    io::runtime rt;
    const auto s = fixture.open(rt);
    char go = 0;
    while (::read(gate[0], &go, 1) > 0) {
    }
    const auto result = put(rt, *s, key, contents[i], store::put_condition::create_only);
    ::_exit(result.what == store::put_result::outcome::stored ? 10 : 20);
  }
  ::close(gate[0]);
  ::close(gate[1]);
  int codes[2];
  for (int i = 0; i < 2; ++i) {
    int status = 0;
    ::waitpid(children[i], &status, 0);
    codes[i] = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  io::runtime rt;
  const auto s = fixture.open(rt);
  const auto stored = get(rt, *s, key);
  REQUIRE(codes[0] + codes[1] == 30);
  REQUIRE(stored == contents[codes[0] == 10 ? 0 : 1]);
}

task<> put_staged(io::runtime& rt, store::store& s, std::string key, std::string content) {
  io::block_budget budget = co_await rt.blocks().reserve(4);
  const std::unique_ptr<io::source> body =
      make_source(std::move(budget), std::move(content), 70'001);
  store::put_request request;
  request.key = key_of(key);
  request.staging = co_await rt.blocks().reserve(store::put_request::staging_blocks);
  co_await s.put(std::move(request), *body);
}

void check_bytes(io::runtime& rt, store::store& s) {
  for (const std::size_t size :
       {std::size_t{0},
        std::size_t{1},
        io::block::payload - 1,
        io::block::payload,
        io::block::payload + 1,
        std::size_t{5'000'001}}) {
    const std::string key = "wal_005/" + std::to_string(size);
    const std::string content = noise(size);
    CHECK(put(rt, s, key, content).bytes == size);
    CHECK(get(rt, s, key) == content);
    const auto attributes = head(rt, s, key);
    REQUIRE(attributes);
    CHECK(attributes->size == size);
    CHECK_FALSE(attributes->plain_digest);
    rt.run(put_staged(rt, s, key + "-staged", content));
    CHECK(get(rt, s, key + "-staged") == content);
  }
}

void check_conditions(io::runtime& rt, store::store& s) {
  using outcome = store::put_result::outcome;
  using condition = store::put_condition;
  CHECK(put(rt, s, "wal_005/a", "one", condition::create_only).what == outcome::stored);
  CHECK(put(rt, s, "wal_005/a", "two", condition::create_only).what == outcome::exists);
  CHECK(get(rt, s, "wal_005/a") == "one");
  CHECK(put(rt, s, "wal_005/a", "three").what == outcome::stored);
  CHECK(get(rt, s, "wal_005/a") == "three");

  sha256 sum;
  sum.update(std::as_bytes(std::span("plain")));
  const sha256_value digest = sum.finish();
  put(rt, s, "wal_005/d", "x", condition::create_only, digest);
  CHECK(head(rt, s, "wal_005/d")->plain_digest == digest);
}

void check_listing(io::runtime& rt, store::store& s) {
  const std::vector<std::string> odd{
      "basebackups_005/a b",
      "basebackups_005/a%20b",
      "basebackups_005/a+b",
      "basebackups_005/\xC3\xA9",
      "basebackups_005/x/deep/er",
      "basebackups_005/x&y=z?#~'\""};
  for (const std::string& key : odd)
    put(rt, s, key, key);
  for (const std::string& key : odd)
    CHECK(get(rt, s, key) == key);
  std::vector<std::string> sorted = odd;
  std::ranges::sort(sorted);
  CHECK(list(rt, s, "basebackups_005/") == sorted);
  CHECK(list(rt, s, "basebackups_005/x/") == std::vector<std::string>{"basebackups_005/x/deep/er"});
  CHECK(list(rt, s, "basebackups_005/a").size() == 3);
  CHECK(list(rt, s, "nothing/").empty());

  std::vector<store::object_info> objects;
  rt.run(list_task(s, "basebackups_005/a b", objects));
  REQUIRE(objects.size() == 1);
  CHECK(objects[0].size == 19);
  CHECK(objects[0].modified_ns > 1'500'000'000'000'000'000);
  CHECK(objects[0].last_modified.starts_with("2"));
}

void check_many(io::runtime& rt, store::store& s) {
  std::vector<std::string> keys;
  for (int i = 0; i < 1001; ++i)
    keys.push_back("wal_005/k" + std::to_string(100000 + i));
  for (const std::string& key : keys)
    put(rt, s, key, "x");
  CHECK(list(rt, s, "wal_005/k") == keys);
  rt.run(remove_task(s, keys));
  CHECK(list(rt, s, "wal_005/k").empty());
}

void check_removal(io::runtime& rt, store::store& s) {
  put(rt, s, "wal_005/r1", "x");
  put(rt, s, "wal_005/r2", "x");
  rt.run(remove_task(s, {"wal_005/r1", "wal_005/never"}));
  CHECK_FALSE(get(rt, s, "wal_005/r1"));
  CHECK(get(rt, s, "wal_005/r2") == "x");
  rt.run(remove_task(s, {"wal_005/r1"}));
}

} // namespace

std::unique_ptr<io::source> make_source(
    io::block_budget budget,
    std::string content,
    std::size_t piece,
    std::optional<std::size_t> fail_after) {
  return std::make_unique<text_source>(std::move(budget), std::move(content), piece, fail_after);
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

std::optional<std::string> get(io::runtime& rt, store::store& s, const std::string& key) {
  std::optional<std::string> content;
  rt.run(get_task(rt, s, key, content));
  return content;
}

std::vector<std::string> list(io::runtime& rt, store::store& s, const std::string& prefix) {
  std::vector<store::object_info> objects;
  rt.run(list_task(s, prefix, objects));
  std::vector<std::string> names;
  for (const store::object_info& o : objects)
    names.push_back(o.key.name);
  return names;
}

void check_conformance(const store_fixture& fixture) {
  SECTION("two writers of one name: one content survives, and only its writer is told so") {
    const std::string contents[2] = {noise(70'000), noise(70'001)};
    {
      io::runtime rt;
      const auto s = fixture.open(rt);
      rt.run(prepare_task(*s));
    }
    for (int round = 0; round < 1000; ++round)
      race(fixture, "wal_005/race" + std::to_string(round), contents);
  }

  io::runtime rt;
  const auto s = fixture.open(rt);

  SECTION("a missing container is no absence") {
    const auto missing = fixture.open_missing(rt);
    CHECK(kind_of_failure([&] { get(rt, *missing, "wal_005/x"); }) == kind::unavailable);
    CHECK(kind_of_failure([&] { head(rt, *missing, "wal_005/x"); }) == kind::unavailable);
    CHECK(kind_of_failure([&] { list(rt, *missing, "wal_005/"); }) == kind::unavailable);
    CHECK(kind_of_failure([&] { put(rt, *missing, "wal_005/x", "y"); }) == kind::unavailable);
  }
  SECTION("an absent object is an answer") {
    put(rt, *s, "wal_005/there", "x");
    CHECK_FALSE(get(rt, *s, "wal_005/x"));
    CHECK_FALSE(head(rt, *s, "wal_005/x"));
  }
  SECTION("objects of every size come back as they were") {
    check_bytes(rt, *s);
  }
  SECTION("create-only keeps what is there, a plain put replaces it") {
    check_conditions(rt, *s);
  }
  SECTION("listings are sorted, whole, and know odd names") {
    check_listing(rt, *s);
  }
  SECTION("a thousand and one objects are listed and removed") {
    check_many(rt, *s);
  }
  SECTION("removing what is absent is no failure") {
    check_removal(rt, *s);
  }
  SECTION("a body that fails leaves nothing behind") {
    put(rt, *s, "wal_005/there", "x");
    bool failed = false;
    rt.run(put_failing(rt, *s, "wal_005/broken", failed));
    CHECK(failed);
    CHECK_FALSE(get(rt, *s, "wal_005/broken"));
    CHECK(list(rt, *s, "").size() == 1);
  }
  SECTION("urls and prefixes are WAL-E's") {
    const std::string url = s->url(key_of("wal_005/x"));
    CHECK(url.ends_with("/" + s->prefix() + "wal_005/x"));
    CHECK(url.find("://") != std::string::npos);
  }
}

} // namespace wale::test
