// What delete asks of a store, and in which order. The plans themselves are tests/catalog's.
#include "context.hpp"
#include "support/scratch_dir.hpp"

#include <wale/base/error.hpp>
#include <wale/catalog/catalog.hpp>
#include <wale/store/open.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <unistd.h>
#include <utime.h>

using namespace wale;
using namespace wale::command;
namespace stdfs = std::filesystem;

namespace {

using names = std::vector<std::string>;

// A file store that remembers what was to be removed, and may refuse one key.
class watched_store final : public store::store {
public:
  explicit watched_store(std::unique_ptr<store> inner) : inner_(std::move(inner)) {}

  std::string url(const wale::store::object_key& key) const override { return inner_->url(key); }
  std::string prefix() const override { return inner_->prefix(); }
  std::string kind_name() const override { return inner_->kind_name(); }
  std::size_t staging_blocks() const override { return inner_->staging_blocks(); }
  bool gathers_parts() const override { return inner_->gathers_parts(); }
  task<> prepare() override { co_await inner_->prepare(); }
  task<> sweep() override {
    ++sweeps;
    co_await inner_->sweep();
  }
  task<wale::store::put_result> put(wale::store::put_request request, io::source& body) override {
    co_return co_await inner_->put(std::move(request), body);
  }
  task<std::unique_ptr<io::source>>
  get(wale::store::object_key key, io::block_budget budget) override {
    co_return co_await inner_->get(std::move(key), std::move(budget));
  }
  task<std::optional<wale::store::object_attributes>> head(wale::store::object_key key) override {
    co_return co_await inner_->head(std::move(key));
  }
  task<std::vector<wale::store::object_info>> list(std::string key_prefix) override {
    if (before_list) before_list(key_prefix);
    co_return co_await inner_->list(std::move(key_prefix));
  }
  task<> remove(std::vector<wale::store::object_key> keys) override {
    names batch;
    for (const auto& key : keys)
      batch.push_back(stdfs::path(key.name).filename());
    batches.push_back(batch);
    const auto bad = std::ranges::find(batch, refused);
    if (bad != batch.end()) {
      std::erase_if(
          keys, [&](const wale::store::object_key& key) { return key.name.ends_with(refused); });
      co_await inner_->remove(std::move(keys));
      throw failure(kind::unavailable, "could not remove an object", refused);
    }
    co_await inner_->remove(std::move(keys));
  }

  std::vector<names> batches;
  int sweeps = 0;
  std::string refused = "nothing";
  std::function<void(const std::string&)> before_list;

private:
  std::unique_ptr<store> inner_;
};

// What is printed while it lives.
class captured_stdout {
public:
  captured_stdout() : file_(std::tmpfile()), kept_(::dup(1)) {
    std::fflush(stdout);
    ::dup2(::fileno(file_), 1);
  }
  ~captured_stdout() {
    restore();
    std::fclose(file_);
  }
  captured_stdout(const captured_stdout&) = delete;
  captured_stdout& operator=(const captured_stdout&) = delete;

  std::string text() {
    restore();
    std::rewind(file_);
    std::string read(1 << 16, '\0');
    read.resize(std::fread(read.data(), 1, read.size(), file_));
    return read;
  }

private:
  void restore() {
    if (kept_ < 0) return;
    std::fflush(stdout);
    ::dup2(kept_, 1);
    ::close(kept_);
    kept_ = -1;
  }
  std::FILE* file_;
  int kept_;
};

const std::string old_backup = "base_000000010000000000000003_00000040";
const std::string kept_backup = "base_000000010000000000000005_00000040";
const std::string sentinel = "_backup_stop_sentinel.json";

struct archive_fixture {
  test::scratch_dir dir;
  io::runtime rt;
  watched_store archive{store::open_store(rt, "file://localhost" + (dir / "archive"))};
  std::string out;

  archive_fixture() {
    add_backup(old_backup, 40);
    add_backup(kept_backup, 30);
    for (const char* segment :
         {"000000010000000000000002", "000000010000000000000003", "000000010000000000000005"})
      put(std::string("wal_005/") + segment + ".lzo", 30);
  }

  std::string file(const std::string& key) const { return dir / ("archive/" + key); }
  bool has(const std::string& key) const { return stdfs::exists(file(key)); }
  void put(const std::string& key, std::time_t hours) const {
    dir.write("archive/" + key, "content");
    const std::time_t at = std::time(nullptr) - hours * 3600;
    const utimbuf times{at, at};
    REQUIRE(::utime(file(key).c_str(), &times) == 0);
  }
  void add_backup(const std::string& name, std::time_t hours) const {
    const std::string top = "basebackups_005/" + name;
    put(top + "/extended_version.txt", hours);
    put(top + "/tar_partitions/part_00000000.tar.lzo", hours);
    put(top + sentinel, hours);
  }

  int run(const std::vector<std::string>& words) {
    const command_line line = parse_command_line(words);
    int status = -1;
    captured_stdout captured;
    const context c{rt, archive, line};
    const auto work = [&]() -> task<> { status = co_await delete_objects(c); };
    try {
      rt.run(work());
    } catch (...) {
      out = captured.text();
      throw;
    }
    out = captured.text();
    return status;
  }
  std::optional<failure> complaint(const std::vector<std::string>& words) {
    try {
      run(words);
    } catch (const failure& f) {
      return f;
    }
    return std::nullopt;
  }
};

const names wal_that_goes{"000000010000000000000002.lzo", "000000010000000000000003.lzo"};
const names contents_that_go{"extended_version.txt", "part_00000000.tar.lzo"};

} // namespace

TEST_CASE("sentinel, then volumes, then WAL, each in a request of its own") {
  archive_fixture a;
  CHECK(a.run({"delete", "--confirm", "retain", "1"}) == 0);
  CHECK(a.archive.sweeps == 1);
  CHECK(
      a.archive.batches ==
      std::vector<names>{{old_backup + sentinel}, contents_that_go, wal_that_goes});
  CHECK_FALSE(a.has("basebackups_005/" + old_backup));
  CHECK(a.has("basebackups_005/" + kept_backup + sentinel));
  // Again: nothing is left to do.
  a.archive.batches.clear();
  CHECK(a.run({"delete", "--confirm", "retain", "1"}) == 0);
  CHECK(a.archive.batches.empty());
}

TEST_CASE("a dry run is the default, wins over --confirm, and removes nothing") {
  archive_fixture a;
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"delete", "retain", "1"},
        {"delete", "--dry-run", "--confirm", "retain", "1"},
        {"delete", "--confirm", "-n", "everything"},
        {"delete", "before", kept_backup},
        {"delete", "old-versions"}})
    CHECK(a.run(words) == 0);
  CHECK(a.archive.sweeps == 0);
  CHECK(a.archive.batches.empty());
}

TEST_CASE("the plan is on stdout with the reasons and totals") {
  archive_fixture a;
  a.run({"delete", "before", kept_backup});
  for (const std::string& line :
       {"keep\t" + kept_backup + "\ttaken ",
        "it is not before " + kept_backup + "\n",
        "remove\t" + old_backup + "\ttaken ",
        "it is before " + kept_backup + "\n",
        "remove\tbasebackups_005/" + old_backup + sentinel + "\t7\n",
        std::string("remove\twal_005/000000010000000000000002.lzo\t7\n"),
        std::string("total\tkeep 1 backup and 1 file of WAL\n"),
        std::string("total\tremove 1 backup (3 objects, 21 bytes) and 2 files of WAL (14 bytes)\n"),
        std::string("done\tthis was a dry run")})
    CHECK_THAT(a.out, Catch::Contains(line));
}

TEST_CASE("while a sentinel stays everything behind it does") {
  archive_fixture a;
  a.archive.refused = old_backup + sentinel;
  const auto failed = a.complaint({"delete", "--confirm", "retain", "1"});
  REQUIRE(failed);
  CHECK(failed->text().msg == "Some keys were not deleted");
  CHECK_THAT(failed->text().detail, Catch::Contains(old_backup + sentinel));
  CHECK(a.archive.batches.size() == 1);
  CHECK(a.has("wal_005/000000010000000000000002.lzo"));
}

TEST_CASE("a volume that stays makes the command fail, the WAL goes all the same") {
  archive_fixture a;
  a.archive.refused = "part_00000000.tar.lzo";
  const auto failed = a.complaint({"delete", "--confirm", "retain", "1"});
  REQUIRE(failed);
  CHECK(failed->why() == kind::unavailable);
  CHECK_FALSE(a.has("wal_005/000000010000000000000002.lzo"));
  CHECK_THAT(a.out, !Catch::Contains("all of it is removed"));
  // Without its sentinel it is an old leftover, which the next run sweeps.
  a.archive.refused = "nothing";
  CHECK(a.run({"delete", "--confirm", "retain", "1"}) == 0);
  CHECK_FALSE(a.has("basebackups_005/" + old_backup));
}

TEST_CASE("remains that somebody begins to write again stay") {
  archive_fixture a;
  const std::string part = "basebackups_005/base_000000010000000000000002_00000040/tar_partitions/"
                           "part_00000000.tar.lzo";
  a.put(part, 40);
  int listings = 0;
  a.archive.before_list = [&](const std::string& prefix) {
    if (prefix == "basebackups_005/" && ++listings == 2) a.put(part, 0);
  };
  const auto failed = a.complaint({"delete", "--confirm", "retain", "1"});
  REQUIRE(failed);
  CHECK(failed->why() == kind::refused);
  CHECK(a.archive.batches.empty());
}

TEST_CASE("an unfinished backup stays as long as it is young") {
  archive_fixture a;
  const std::string part = "basebackups_005/base_000000010000000000000002_00000040/tar_partitions/"
                           "part_00000000.tar.lzo";
  a.put(part, 23);
  CHECK(a.run({"delete", "--confirm", "retain", "1"}) == 0);
  CHECK(a.has(part));
  CHECK(a.has("wal_005/000000010000000000000002.lzo"));
  CHECK_THAT(a.out, Catch::Contains("perhaps in progress"));
  CHECK(a.run({"delete", "--grace", "22h", "--confirm", "retain", "1"}) == 0);
  CHECK_FALSE(a.has(part));
  CHECK_FALSE(a.has("wal_005/000000010000000000000002.lzo"));
}

TEST_CASE("everything takes unfinished backups with it, young ones too") {
  archive_fixture a;
  const std::string part = "basebackups_005/base_000000010000000000000002_00000040/tar_partitions/"
                           "part_00000000.tar.lzo";
  a.put(part, 0);
  CHECK(a.run({"delete", "--confirm", "everything"}) == 0);
  CHECK_FALSE(a.has(part));
  CHECK_FALSE(a.has("wal_005/000000010000000000000005.lzo"));
}

TEST_CASE("metadata says when a backup was taken; damaged, the sentinel's time is used") {
  archive_fixture a;
  const auto taken = [&](const std::string& name, const std::string& time) {
    catalog::metadata m;
    m.finish_time = time;
    m.system_identifier = name == old_backup ? 7 : 8; // made anew
    a.dir.write("archive/basebackups_005/" + name + "/metadata.json", catalog::write_metadata(m));
  };
  taken(old_backup, "2020-01-02T00:00:00Z");
  taken(kept_backup, "2020-01-01T00:00:00Z");
  SECTION("the older position is the newer backup") {
    CHECK(a.run({"delete", "--confirm", "retain", "1"}) == 0);
    CHECK(a.has("basebackups_005/" + old_backup + sentinel));
    CHECK_FALSE(a.has("basebackups_005/" + kept_backup));
  }
  SECTION("damaged") {
    a.dir.write("archive/basebackups_005/" + kept_backup + "/metadata.json", "{ damaged");
    CHECK(a.run({"delete", "--confirm", "retain", "1"}) == 0);
    CHECK(a.has("basebackups_005/" + kept_backup + sentinel));
  }
}

TEST_CASE("what is before nothing that is understood is a usage error") {
  archive_fixture a;
  for (const char* text : {"LATEST", "yesterday", "base_1", "00000001000000000000000a"}) {
    const auto failed = a.complaint({"delete", "--confirm", "before", text});
    REQUIRE(failed);
    CHECK(failed->why() == kind::usage);
  }
  CHECK(a.archive.batches.empty());
}

TEST_CASE("old versions go only by old-versions, the rest only without it") {
  archive_fixture a;
  a.put("basebackups_003/base_1_backup_stop_sentinel.json", 1000);
  a.put("wal_000/x.lzo", 1000);
  a.put("other/x.lzo", 1000);
  CHECK(a.run({"delete", "--confirm", "everything"}) == 0);
  CHECK_FALSE(a.has("wal_005/000000010000000000000005.lzo"));
  CHECK_FALSE(a.has("basebackups_005/" + kept_backup));
  CHECK(a.has("wal_000/x.lzo"));
  CHECK(a.run({"delete", "--confirm", "old-versions"}) == 0);
  CHECK_FALSE(a.has("wal_000/x.lzo"));
  CHECK_FALSE(a.has("basebackups_003/base_1_backup_stop_sentinel.json"));
  CHECK(a.has("other/x.lzo"));
}
