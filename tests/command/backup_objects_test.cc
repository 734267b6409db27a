// Two backups of one name, and clean-up that harms nobody, on a file store.
#include "backup_objects.hpp"
#include "cluster_guard.hpp"
#include "support/scratch_dir.hpp"

#include <wale/base/error.hpp>
#include <wale/catalog/catalog.hpp>
#include <wale/io/task_group.hpp>
#include <wale/store/open.hpp>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <ctime>
#include <filesystem>
#include <functional>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

using namespace wale;
using namespace wale::command;
namespace stdfs = std::filesystem;

namespace {

constexpr std::uint64_t our_cluster = 7;

catalog::backup_name name() {
  return catalog::backup_name::make("000000010000000000000002", 40);
}

struct archive_fixture {
  test::scratch_dir dir;
  io::runtime rt;
  std::unique_ptr<store::store> archive =
      store::open_store(rt, "file://localhost" + (dir / "archive"));
  backup_objects ours{name()};

  std::string file(const store::object_key& key) const { return dir / ("archive/" + key.name); }
  bool has(const store::object_key& key) const { return stdfs::exists(file(key)); }
  void put(const store::object_key& key, const std::string& text) const {
    dir.write("archive/" + key.name, text);
  }
  void
  put_metadata(const catalog::backup_name& of, std::uint64_t cluster, const std::string& time) {
    catalog::metadata m;
    m.finish_time = time;
    m.hostname = host_name();
    m.system_identifier = cluster;
    put(catalog::metadata_key(of), catalog::write_metadata(m));
  }
  void age(const store::object_key& key, std::time_t seconds) const {
    const utimbuf times{std::time(nullptr) - seconds, std::time(nullptr) - seconds};
    REQUIRE(::utime(file(key).c_str(), &times) == 0);
  }
  void write(std::uint32_t number, const std::string& text) {
    rt.run(ours.write(rt, *archive, catalog::partition_key(name(), number), "x/y", text));
  }
};

std::optional<kind> failure_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const failure& failed) {
    return failed.why();
  }
  return std::nullopt;
}

} // namespace

TEST_CASE("an object of another backup of this name is neither replaced nor removed") {
  archive_fixture a;
  a.put(catalog::partition_key(name(), 1), "theirs");
  a.write(0, "ours");
  CHECK(failure_of([&] { a.write(1, "ours"); }) == kind::refused);
  a.rt.run(a.ours.remove(a.rt, *a.archive));
  CHECK_FALSE(a.has(catalog::partition_key(name(), 0)));
  CHECK(a.has(catalog::partition_key(name(), 1)));
}

TEST_CASE("a sentinel that is there stays, with all that belongs to it") {
  archive_fixture a;
  a.write(0, "ours");
  a.put(catalog::sentinel_key(name()), "theirs");
  CHECK(failure_of([&] {
          a.rt.run(a.ours.write_sentinel(a.rt, *a.archive, "ours"));
        }) == kind::refused);
  a.rt.run(a.ours.remove(a.rt, *a.archive));
  CHECK(a.has(catalog::sentinel_key(name())));
  CHECK(a.has(catalog::partition_key(name(), 0)));
}

TEST_CASE("a sentinel of our own is removed with the rest") {
  archive_fixture a;
  a.write(0, "ours");
  a.rt.run(a.ours.write_sentinel(a.rt, *a.archive, "ours"));
  a.rt.run(a.ours.remove(a.rt, *a.archive));
  CHECK_FALSE(a.has(catalog::sentinel_key(name())));
  CHECK_FALSE(a.has(catalog::partition_key(name(), 0)));
}

TEST_CASE("before the sentinel exactly our partitions must be there") {
  archive_fixture a;
  a.write(0, "ours");
  a.write(1, "ours too");
  const auto check = [&] {
    return failure_of([&] { a.rt.run(a.ours.require_partitions(*a.archive)); });
  };
  CHECK(check() == std::nullopt);
  SECTION("one is of another size") {
    a.put(catalog::partition_key(name(), 1), "theirs");
    CHECK(check() == kind::corrupt);
  }
  SECTION("one is missing") {
    stdfs::remove(a.file(catalog::partition_key(name(), 1)));
    CHECK(check() == kind::corrupt);
  }
  SECTION("there is one more") {
    a.put(catalog::partition_key(name(), 2), "theirs");
    CHECK(check() == kind::corrupt);
  }
}

TEST_CASE("leftovers of a name are removed unless they may be of a running backup") {
  archive_fixture a;
  const auto part = catalog::partition_key(name(), 0);
  a.put(part, "leftover");
  const auto begin = [&](bool in_recovery) {
    return failure_of(
        [&] { a.rt.run(require_free_name(a.rt, *a.archive, name(), in_recovery, our_cluster)); });
  };
  SECTION("on a primary, where the lock says that no backup runs") {
    CHECK(begin(false) == std::nullopt);
    CHECK_FALSE(a.has(part));
  }
  SECTION("on a primary with metadata of its own") {
    a.put_metadata(name(), our_cluster, "2026-01-01T00:00:00Z");
    CHECK(begin(false) == std::nullopt);
    CHECK_FALSE(a.has(part));
  }
  SECTION("on a primary with metadata of another") {
    a.put_metadata(name(), 8, "2026-01-01T00:00:00Z");
    CHECK(begin(false) == kind::refused);
    CHECK(a.has(part));
  }
  SECTION("on a standby, young ones") {
    CHECK(begin(true) == kind::refused);
    CHECK(a.has(part));
  }
  SECTION("on a standby, old ones") {
    a.age(part, 11 * 60);
    CHECK(begin(true) == std::nullopt);
    CHECK_FALSE(a.has(part));
  }
  SECTION("a sentinel") {
    a.put(catalog::sentinel_key(name()), "{}");
    CHECK(begin(false) == kind::refused);
    CHECK(a.has(part));
  }
}

TEST_CASE("damaged metadata of an old backup hides neither LATEST nor the archive's cluster") {
  archive_fixture a;
  const auto old = catalog::backup_name::make("000000010000000000000001", 40);
  a.put(catalog::sentinel_key(old), "{}");
  a.put(catalog::metadata_key(old), "{ damaged");
  a.age(catalog::sentinel_key(old), 3600);
  a.put(catalog::sentinel_key(name()), "{}");
  a.put_metadata(name(), our_cluster, catalog::format_time(std::time(nullptr) * 1'000'000'000));

  std::vector<catalog::backup> found;
  const auto find = [&]() -> task<> {
    found = co_await catalog::find_backups(a.rt, *a.archive, "LATEST");
  };
  a.rt.run(find());
  REQUIRE(found.size() == 1);
  CHECK(found.front().name == name());

  const auto check = [&](std::uint64_t cluster) {
    return failure_of([&] { a.rt.run(require_cluster_of_archive(a.rt, *a.archive, cluster)); });
  };
  CHECK(check(our_cluster) == std::nullopt);
  CHECK(check(8) == kind::refused);
  SECTION("if it is the newest's the cluster is unknown") {
    a.put(catalog::metadata_key(name()), "{ damaged");
    CHECK(check(8) == std::nullopt);
  }
}

namespace {

// As wal-push asks: while others wait for the answer.
task<> asked_and_passed(io::runtime& rt, store::store& archive, archivable file) {
  cluster_check check(rt, archive);
  io::task_group group(rt.context().get_executor());
  for (int i = 0; i < 3; ++i)
    group.spawn(check.passed());
  // All blocks but its own are taken by those who wait.
  io::block_budget reading = co_await rt.blocks().reserve(1);
  const io::block_budget taken = co_await rt.blocks().reserve(rt.blocks().available());
  co_await check.ask(std::move(file), std::move(reading));
  co_await group.join();
  co_await check.passed();
}

} // namespace

TEST_CASE("that the cluster is unknown is remembered for these very backups") {
  archive_fixture a;
  a.put(catalog::sentinel_key(name()), "{}");
  a.dir.make("pg_wal/archive_status");
  archivable file;
  file.path = a.dir / "pg_wal/000000010000000000000003";
  file.name = pg::wal_name::parse("000000010000000000000003");
  file.header.emplace();
  file.header->system_identifier = our_cluster;
  const auto check = [&] {
    return failure_of([&] { a.rt.run(asked_and_passed(a.rt, *a.archive, file)); });
  };
  CHECK(check() == std::nullopt);
  const auto remembered = stdfs::directory_iterator(a.dir / "pg_wal/.wal-e");
  REQUIRE(remembered != stdfs::directory_iterator());
  CHECK(remembered->path().filename().string().starts_with("cluster-"));
  // Without asking for the metadata again, which no writer adds later.
  a.put_metadata(name(), 8, "2026-01-01T00:00:00Z");
  CHECK(check() == std::nullopt);

  const auto later = catalog::backup_name::make("000000010000000000000005", 40);
  a.put(catalog::sentinel_key(later), "{}");
  a.put_metadata(later, 8, "2036-01-01T00:00:00Z");
  CHECK(check() == kind::refused);
}
