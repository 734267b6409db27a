// The gpg stages with the real gpg: interoperation both ways, every state of a key, damage at every
// place, an agent that is locked, dead or silent, and nothing left behind.
#include "gpg_fixture.hpp"
#include "lzop_program.hpp"
#include "stream_fixture.hpp"
#include "support/scratch_dir.hpp"

#include <wale/archive/gpg.hpp>
#include <wale/base/error.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <catch2/catch.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <memory>
#include <sys/wait.h>

using namespace wale;
using namespace wale::archive;
using namespace wale::archive::test;
using ending = string_source::ending;

namespace {

constexpr const char* name = "file://localhost/store/wal_005/x.lzo";

struct outcome {
  std::string bytes = {};
  std::optional<failure> failed = {};
  bool was_encrypted = false;
  source_log log = {};
};

std::size_t open_descriptors() {
  std::size_t n = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++n;
  return n;
}

bool has_children() {
  return ::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD;
}

task<> drain(io::source& stage, outcome& result) {
  try {
    while (true) {
      const io::block b = co_await stage.next();
      if (!b) break;
      append(result.bytes, b);
    }
  } catch (const failure& f) {
    result.failed = f;
  }
  co_await stage.close();
}

task<std::unique_ptr<string_source>>
source_of(io::runtime& rt, std::string bytes, source_log& log, ending last) {
  io::block_budget budget = co_await rt.blocks().reserve(1);
  co_return std::make_unique<string_source>(
      std::move(budget), std::move(bytes), io::block::payload, log, last);
}

task<> run_encryptor(io::runtime& rt, std::string plain, std::string key, ending last, outcome& r) {
  auto source = co_await source_of(rt, std::move(plain), r.log, last);
  io::block_budget outputs = co_await rt.blocks().reserve(1);
  gpg_encryptor stage(rt, std::move(source), std::move(outputs), std::move(key));
  co_await drain(stage, r);
}

task<> run_decryptor(io::runtime& rt, std::string stored, ending last, outcome& r) {
  auto source = co_await source_of(rt, std::move(stored), r.log, last);
  io::block_budget outputs = co_await rt.blocks().reserve(1);
  gpg_decryptor stage(rt, std::move(source), std::move(outputs), name);
  co_await drain(stage, r);
  r.was_encrypted = stage.is_encrypted();
}

// Whatever happened, the source was closed and no process and no descriptor stays.
template <class Run> outcome checked(Run run) {
  keyring::instance();
  outcome r;
  const std::size_t before = open_descriptors();
  run_task([&](io::runtime& rt) { return run(rt, r); });
  CHECK(r.log.closes == 1);
  CHECK_FALSE(has_children());
  CHECK(open_descriptors() == before);
  return r;
}

outcome encrypt(std::string plain, std::string key = "Good", ending last = ending::regular) {
  return checked(
      [&](io::runtime& rt, outcome& r) { return run_encryptor(rt, plain, key, last, r); });
}

outcome decrypt(std::string stored, ending last = ending::regular) {
  return checked([&](io::runtime& rt, outcome& r) { return run_decryptor(rt, stored, last, r); });
}

kind why(const outcome& r) {
  REQUIRE(r.failed);
  return r.failed->why();
}

std::string all_words(const outcome& r) {
  REQUIRE(r.failed);
  const explanation& e = r.failed->text();
  CHECK_FALSE(e.detail.empty());
  return e.msg + "\n" + e.detail + "\n" + e.hint;
}

} // namespace

TEST_CASE("gpg by hand reads what we encrypt", "[gpg]") {
  for (const auto& [what, plain] : samples()) {
    INFO(what);
    const outcome ours = encrypt(plain);
    REQUIRE_FALSE(ours.failed);
    CHECK(is_openpgp(bytes_of(ours.bytes)));
    const command_result theirs = run_shell("gpg --batch -q -d", ours.bytes);
    CHECK(theirs.exit_code == 0);
    CHECK(theirs.output == plain);
  }
}

TEST_CASE("we read what gpg encrypts by hand", "[gpg]") {
  const std::string plain = encode(text(700000) + noise(900000));
  // WAL-E's own line first (wal_e/pipeline.py).
  for (const char* options :
       {"-z 0 -e -r Good",
        "-e -r Good",
        "-z 0 -e -r Good -r Locked",
        "--armor -e -r Good",
        "--compress-algo bzip2 -e -r Good",
        "--cipher-algo AES128 -e -R Good"}) {
    INFO(options);
    const std::string stored =
        run_shell(std::string("gpg --batch --trust-model always ") + options, plain).output;
    const outcome r = decrypt(stored);
    CHECK_FALSE(r.failed);
    CHECK(r.was_encrypted);
    CHECK(r.bytes == plain);
  }
}

// As for dozens of recipients.
TEST_CASE("much that gpg says before does not hide how it ended", "[gpg]") {
  const std::string plain = encode(text(100000));
  const std::string stored = keyring::instance().encrypt(plain);
  const std::string root = run_shell("mktemp -d /tmp/wale-XXXXXX | tr -d '\\n'").output;
  run_shell(
      "cat > " + root + "/gpg; chmod 755 " + root + "/gpg",
      "#!/bin/sh\nyes '[GNUPG:] ENC_TO DA12102711470931 1 0' | head -n 1000 >&2\n"
      "exec /usr/bin/gpg \"$@\"\n");
  {
    const environment_variable path("PATH", root + ":/usr/bin:/bin");
    const outcome r = decrypt(stored);
    CHECK_FALSE(r.failed);
    CHECK(r.bytes == plain);
    CHECK_FALSE(encrypt(plain).failed);
  }
  run_shell("rm -r " + root);
}

TEST_CASE("what is not encrypted passes through", "[gpg]") {
  for (const std::string& stored :
       {encode(text(1000000)), encode(""), std::string(), std::string("no magic at all")}) {
    const outcome r = decrypt(stored);
    CHECK_FALSE(r.failed);
    CHECK_FALSE(r.was_encrypted);
    CHECK(r.bytes == stored);
  }
}

TEST_CASE("a key that cannot be used is named, with the reason", "[gpg]") {
  const auto [user, reason] = GENERATE(table<std::string, std::string>(
      {{"nobody@example.invalid", "not in the key ring"},
       {"0123456789ABCDEF", "not in the key ring"},
       {"--version", "not in the key ring"},
       {"Signing", "cannot encrypt"},
       {"Expired", "has expired"},
       {"Revoked", "is revoked"},
       {"Disabled", "is disabled"}}));
  INFO(user);
  const outcome r = encrypt(noise(3000000), user);
  CHECK(why(r) == kind::configuration);
  CHECK(r.bytes.empty());
  CHECK_THAT(all_words(r), Catch::Contains(reason) && Catch::Contains("\"" + user + "\""));

  std::optional<failure> at_start;
  run_task([&](io::runtime& rt) -> task<> {
    return [](io::runtime& runtime, std::string key, std::optional<failure>& failed) -> task<> {
      try {
        co_await require_encryption_key(runtime, std::move(key));
      } catch (const failure& f) {
        failed = f;
      }
    }(rt, user, at_start);
  });
  REQUIRE(at_start);
  CHECK(at_start->text().msg == r.failed->text().msg);
}

TEST_CASE("a usable key passes the check", "[gpg]") {
  keyring::instance();
  run_task([](io::runtime& rt) { return require_encryption_key(rt, "Good"); });
  CHECK_FALSE(has_children());
}

TEST_CASE("without gpg", "[gpg]") {
  const std::string stored = keyring::instance().encrypt("x");
  const environment_variable path("PATH", "/nonexistent");
  CHECK(why(encrypt("x")) == kind::configuration);
  const outcome r = decrypt(stored);
  CHECK(why(r) == kind::configuration);
  CHECK_THAT(all_words(r), Catch::Contains("gpg is not installed"));
}

TEST_CASE("without a key ring that can be read", "[gpg]") {
  const std::string stored = keyring::instance().encrypt("x");
  const environment_variable home("GNUPGHOME", "/nonexistent/gnupg");
  CHECK(why(encrypt("x")) == kind::configuration);
  CHECK_THAT(all_words(encrypt("x")), Catch::Contains("/nonexistent/gnupg"));
  const outcome r = decrypt(stored);
  CHECK(why(r) != kind::corrupt);
  CHECK_THAT(all_words(r), Catch::Contains(name));
}

TEST_CASE("without the secret key", "[gpg]") {
  const std::string stored = keyring::instance().encrypt(noise(2000000));
  const environment_variable home("GNUPGHOME", keyring::instance().public_home());
  const outcome r = decrypt(stored);
  CHECK(why(r) == kind::configuration);
  CHECK(r.bytes.empty());
  CHECK(r.was_encrypted);
  CHECK_THAT(all_words(r), Catch::Contains("secret key is missing") && Catch::Contains(name));
  // The public key is enough to write.
  CHECK_FALSE(encrypt(noise(2000000)).failed);
}

TEST_CASE("a locked agent fails at once, a preset passphrase opens", "[gpg]") {
  const keyring& keys = keyring::instance();
  const std::string plain = noise(2000000);
  const std::string stored = keys.encrypt(plain, "Locked");
  keys.forget_passphrases();
  std::chrono::nanoseconds shortest = std::chrono::hours(1);
  for (int i = 0; i < 5 && shortest >= std::chrono::seconds(5); ++i) { // we may be held up
    const auto began = std::chrono::steady_clock::now();
    const outcome r = decrypt(stored);
    shortest =
        std::min<std::chrono::nanoseconds>(shortest, std::chrono::steady_clock::now() - began);
    CHECK(why(r) == kind::unavailable);
    CHECK_THAT(all_words(r), Catch::Contains("agent") && Catch::Contains(name));
  }
  CHECK(shortest < std::chrono::seconds(5));

  keys.preset_passphrase();
  CHECK(decrypt(stored).bytes == plain);
  keys.forget_passphrases();
}

TEST_CASE("an agent that does not answer is not waited for", "[gpg]") {
  const std::string stored = keyring::instance().encrypt(noise(3000000));
  const wale::test::scratch_dir home;
  std::filesystem::copy(keyring::instance().public_home() + "/pubring.kbx", home.path());
  using local = boost::asio::local::stream_protocol;
  boost::asio::io_context never_runs;
  const local::acceptor agent(never_runs, local::endpoint(home / "S.gpg-agent"));
  const environment_variable variable("GNUPGHOME", home.path());
  const auto began = std::chrono::steady_clock::now();
  const outcome r = decrypt(stored);
  const auto took = std::chrono::steady_clock::now() - began;
  CHECK(took < std::chrono::seconds(40));
  CHECK(why(r) == kind::unavailable);
  CHECK_THAT(all_words(r), Catch::Contains("gpg does not answer"));
}

TEST_CASE("damage anywhere fails, and is never taken for a whole object", "[gpg]") {
  const std::string plain = encode(text(300000));
  const std::string stored = keyring::instance().encrypt(plain);
  REQUIRE(stored.size() > 1000);
  SECTION("one bit is wrong") {
    for (const std::size_t at :
         {std::size_t{0},
          std::size_t{1},
          std::size_t{5},
          std::size_t{50},
          std::size_t{400},
          std::size_t{430},
          stored.size() / 2,
          stored.size() - 21,
          stored.size() - 1}) {
      INFO("at " << at);
      std::string damaged = stored;
      damaged[at] = static_cast<char>(damaged[at] ^ 1);
      const outcome r = decrypt(damaged);
      // What does not look encrypted any more is no lzop file either.
      CHECK((r.failed || !r.was_encrypted));
      if (!r.was_encrypted) CHECK(r.bytes == damaged);
    }
    std::string damaged = stored;
    damaged[stored.size() / 2] = static_cast<char>(damaged[stored.size() / 2] ^ 1);
    CHECK(why(decrypt(damaged)) == kind::corrupt);
  }
  SECTION("the end is missing") {
    for (const std::size_t size :
         {std::size_t{1},
          std::size_t{3},
          std::size_t{100},
          std::size_t{399},
          std::size_t{420},
          stored.size() / 2,
          stored.size() - 22,
          stored.size() - 1}) {
      INFO(size << " bytes");
      const outcome r = decrypt(stored.substr(0, size));
      CHECK(r.was_encrypted);
      CHECK(why(r) == kind::corrupt);
    }
  }
  SECTION("something follows") {
    CHECK(why(decrypt(stored + "more")) == kind::corrupt);
    CHECK(decrypt(stored + stored).failed);
  }
  SECTION("it is a signature or a key") {
    const std::string key = run_shell("gpg --batch --export Good").output;
    const outcome r = decrypt(key);
    CHECK_FALSE(r.was_encrypted);
  }
}

TEST_CASE("what the source throws comes out", "[gpg]") {
  const outcome writing = encrypt(noise(3000000), "Good", ending::failure);
  CHECK(why(writing) == kind::unavailable);
  CHECK(writing.failed->text().msg == "the test's source failed");
  const std::string stored = keyring::instance().encrypt(noise(3000000));
  const outcome reading = decrypt(stored.substr(0, 2000000), ending::failure);
  CHECK(reading.failed->text().msg == "the test's source failed");
}

namespace {

template <class Stage> task<> hang(io::runtime& rt, std::string input, std::string text) {
  source_log log;
  auto source = co_await source_of(rt, std::move(input), log, ending::hang);
  string_source& raw = *source;
  io::block_budget outputs = co_await rt.blocks().reserve(gpg_blocks);
  Stage stage(rt, std::move(source), std::move(outputs), std::move(text));
  io::task_group group(rt.context().get_executor());
  outcome result;
  group.spawn(drain(stage, result));
  co_await raw.wait_until_hanging();
  group.cancel();
  co_await group.join();
  CHECK(why(result) == kind::interrupted);
  co_await stage.close();
}

// A block, then no more of it.
template <class Stage> task<> leave_early(io::runtime& rt, std::string input, std::string text) {
  source_log log;
  auto source = co_await source_of(rt, std::move(input), log, ending::regular);
  io::block_budget outputs = co_await rt.blocks().reserve(gpg_blocks);
  Stage stage(rt, std::move(source), std::move(outputs), std::move(text));
  const io::block b = co_await stage.next();
  CHECK(b);
  co_await stage.close();
  co_await stage.close();
}

} // namespace

TEST_CASE("cancelling and leaving early leave nothing behind", "[gpg]") {
  const std::string plain = noise(6000000);
  const std::string stored = keyring::instance().encrypt(plain);
  const std::size_t before = open_descriptors();
  run_task([&](io::runtime& rt) { return hang<gpg_encryptor>(rt, plain, "Good"); });
  run_task(
      [&](io::runtime& rt) { return hang<gpg_decryptor>(rt, stored.substr(0, 3000000), name); });
  run_task([&](io::runtime& rt) { return leave_early<gpg_encryptor>(rt, plain, "Good"); });
  run_task([&](io::runtime& rt) { return leave_early<gpg_decryptor>(rt, stored, name); });
  CHECK_FALSE(has_children());
  CHECK(open_descriptors() == before);
}

TEST_CASE("gpg gets no secret of ours and no terminal", "[gpg]") {
  keyring::instance();
  const std::string root = run_shell("mktemp -d /tmp/wale-XXXXXX | tr -d '\\n'").output;
  run_shell(
      "cat > " + root + "/gpg; chmod 755 " + root + "/gpg",
      "#!/bin/sh\n{ env; ls -l /proc/self/fd; echo args: \"$@\"; (: < /dev/tty) && echo terminal; "
      "} > " +
          root + "/seen 2>&1\nexit 2\n");
  {
    const environment_variable path("PATH", root + ":/usr/bin:/bin");
    const environment_variable secret("AWS_SECRET_ACCESS_KEY", "mark-of-a-secret");
    const environment_variable tty("GPG_TTY", "/dev/tty9");
    const environment_variable display("DISPLAY", ":9");
    CHECK(encrypt("x").failed);
  }
  const std::string seen = run_shell("cat " + root + "/seen; rm -r " + root).output;
  CHECK_THAT(seen, Catch::Contains("GNUPGHOME=") && Catch::Contains("args: --batch --no-tty"));
  for (const char* unwanted : {"mark-of-a-secret", "GPG_TTY", "DISPLAY"})
    CHECK_THAT(seen, !Catch::Contains(unwanted));
  CHECK_THAT(seen, !Catch::Contains("\nterminal"));
  CHECK_THAT(seen, !Catch::Contains("eventfd") && !Catch::Contains("io_uring"));
}
