// The blocking file-system calls.
#include "support/scratch_dir.hpp"

#include <wale/base/error.hpp>
#include <wale/io/fs.hpp>

#include <catch2/catch.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace wale::io;
using wale::failure;
using wale::kind;
using wale::test::scratch_dir;

namespace {

int error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const failure& f) {
    return f.error_number();
  }
  return 0;
}

std::string content(const std::string& path) {
  const auto text = fs::read_small(path);
  REQUIRE(text);
  return *text;
}

} // namespace

TEST_CASE("status follows links, link_status does not, absence is no failure") {
  const scratch_dir dir;
  dir.write("file", "12345");
  dir.link("link", "file");
  dir.link("dangling", "nothing");
  REQUIRE(fs::status(dir / "link")->st_size == 5);
  REQUIRE(S_ISLNK(fs::link_status(dir / "link")->st_mode));
  REQUIRE(!fs::status(dir / "dangling"));
  REQUIRE(!fs::status(dir / "file/below"));
  REQUIRE(!fs::link_status(dir / "absent"));
  REQUIRE(fs::is_directory(dir.path()));
  REQUIRE(!fs::is_directory(dir / "file"));
  REQUIRE(!fs::is_directory(dir / "absent"));
  dir.link("loop", "loop");
  REQUIRE(error_of([&] { fs::status(dir / "loop"); }) == ELOOP);
}

TEST_CASE("a directory's entries come sorted, with their types") {
  const scratch_dir dir;
  dir.write("b", "");
  dir.make("a");
  dir.link("c", "b");
  dir.write(".hidden", "");
  REQUIRE(::mkfifo((dir / "d").c_str(), 0600) == 0);
  const auto entries = fs::list_directory(dir.path());
  REQUIRE(entries.size() == 5);
  REQUIRE(entries[0].name == ".hidden");
  REQUIRE(entries[1].name == "a");
  REQUIRE(entries[1].type == DT_DIR);
  REQUIRE(entries[2].type == DT_REG);
  REQUIRE(entries[3].type == DT_LNK);
  REQUIRE(entries[4].type == DT_FIFO);
  REQUIRE(error_of([&] { fs::list_directory(dir / "absent"); }) == ENOENT);
  REQUIRE(error_of([&] { fs::list_directory(dir / "b"); }) == ENOTDIR);
}

TEST_CASE("directories are made once, and below a root that exists") {
  const scratch_dir dir;
  REQUIRE(fs::make_directory(dir / "a", 0750));
  REQUIRE(!fs::make_directory(dir / "a", 0750));
  dir.write("file", "");
  REQUIRE(error_of([&] { fs::make_directory(dir / "file", 0750); }) == ENOTDIR);
  REQUIRE(error_of([&] { fs::make_directory(dir / "x/y", 0750); }) == ENOENT);

  fs::make_directories_below(dir.path(), "a/b//c/", 0700);
  REQUIRE(fs::is_directory(dir / "a/b/c"));
  REQUIRE((fs::status(dir / "a/b")->st_mode & 0777) == 0700);
  fs::make_directories_below(dir.path(), "a/b/c", 0700);
  fs::make_directories_below(dir.path(), "", 0700);
  REQUIRE(error_of([&] { fs::make_directories_below(dir / "unmounted", "a", 0700); }) == ENOENT);
  REQUIRE(error_of([&] { fs::make_directories_below(dir.path(), "file/b", 0700); }) == ENOTDIR);
}

TEST_CASE("directories and file systems are made durable") {
  const scratch_dir dir;
  fs::sync_directory(dir.path());
  REQUIRE(error_of([&] { fs::sync_directory(dir / "absent"); }) == ENOENT);
  const int proc = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  REQUIRE(!fs::can_sync_filesystem(proc)); // not one of the known local ones
  ::close(proc);
  const int fd = ::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  fs::sync_filesystem(fd);
  ::close(fd);
  REQUIRE(error_of([&] { fs::sync_filesystem(-1); }) == EBADF);
}

TEST_CASE("rename_noreplace gives the name to one of many, and loses nobody's content") {
  const scratch_dir dir;
  for (int round = 0; round < 200; ++round) {
    const std::string target = dir / ("target" + std::to_string(round));
    std::array<fs::publish, 4> results{};
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < results.size(); ++i) {
      dir.write("from" + std::to_string(i), std::to_string(i));
      threads.emplace_back([&dir, &results, &target, i] {
        results[i] = fs::rename_noreplace(dir / ("from" + std::to_string(i)), target);
      });
    }
    for (auto& t : threads)
      t.join();
    int winners = 0;
    for (std::size_t i = 0; i < results.size(); ++i) {
      const bool won = results[i] == fs::publish::done;
      winners += won;
      if (won) REQUIRE(content(target) == std::to_string(i));
      REQUIRE(fs::link_status(dir / ("from" + std::to_string(i))).has_value() != won);
    }
    REQUIRE(winners == 1);
  }
}

TEST_CASE("rename_noreplace onto our own link is success") {
  const scratch_dir dir;
  dir.write("from", "x");
  std::filesystem::create_hard_link(dir / "from", dir / "to");
  REQUIRE(fs::rename_noreplace(dir / "from", dir / "to") == fs::publish::done);
  REQUIRE(!fs::link_status(dir / "from"));
  REQUIRE(content(dir / "to") == "x");
  REQUIRE(error_of([&] { fs::rename_noreplace(dir / "absent", dir / "new"); }) == ENOENT);
}

TEST_CASE("names are removed, absent ones without a failure") {
  const scratch_dir dir;
  dir.write("file", "");
  dir.write("full/file", "");
  dir.make("empty");
  REQUIRE(fs::unlink(dir / "file"));
  REQUIRE(!fs::unlink(dir / "file"));
  REQUIRE(fs::remove_directory(dir / "empty"));
  REQUIRE(!fs::remove_directory(dir / "empty"));
  REQUIRE(!fs::remove_directory(dir / "full"));
  REQUIRE(error_of([&] { fs::unlink(dir / "full"); }) == EISDIR);
}

TEST_CASE("remove_tree removes links, never what they point to") {
  const scratch_dir dir;
  dir.write("outside/kept", "x");
  dir.write("tree/a/b/c/file", "x");
  dir.write("tree/.hidden", "x");
  dir.link("tree/a/link", dir / "outside");
  dir.link("tree/self", ".");
  dir.link("root", "tree");
  fs::remove_tree(dir / "root"); // a link itself
  REQUIRE(!fs::link_status(dir / "root"));
  REQUIRE(fs::status(dir / "tree/a/b/c/file"));
  fs::remove_tree(dir / "tree");
  REQUIRE(!fs::link_status(dir / "tree"));
  REQUIRE(content(dir / "outside/kept") == "x");
  fs::remove_tree(dir / "tree");
  fs::remove_tree(dir / "outside/kept");
  REQUIRE(!fs::link_status(dir / "outside/kept"));
}

TEST_CASE("rename, links and their targets") {
  const scratch_dir dir;
  dir.write("a", "1");
  dir.write("b", "2");
  fs::rename(dir / "a", dir / "b");
  REQUIRE(content(dir / "b") == "1");
  fs::symlink("b", dir / "l");
  REQUIRE(fs::read_link(dir / "l") == "b");
  REQUIRE(fs::resolve(dir / "l") == std::filesystem::canonical(dir / "b"));
  REQUIRE(error_of([&] { fs::symlink("b", dir / "l"); }) == EEXIST);
  REQUIRE(error_of([&] { fs::read_link(dir / "b"); }) == EINVAL);
  REQUIRE(error_of([&] { fs::resolve(dir / "absent"); }) == ENOENT);
}

TEST_CASE("a small file is read whole, or refused") {
  const scratch_dir dir;
  const std::string text(100'000, 'x');
  dir.write("file", text);
  REQUIRE(fs::read_small(dir / "file", 100'000) == text);
  REQUIRE(!fs::read_small(dir / "absent"));
  REQUIRE_THROWS_AS(fs::read_small(dir / "file", 99'999), failure);
  REQUIRE(error_of([&] { fs::read_small(dir.path()); }) == EISDIR);
}

TEST_CASE("a file is cut to a length") {
  const scratch_dir dir;
  dir.write("file", "abcdef");
  const int fd = ::open((dir / "file").c_str(), O_RDWR | O_CLOEXEC);
  fs::set_length(fd, 3);
  ::close(fd);
  REQUIRE(fs::read_small(dir / "file") == "abc");
  REQUIRE(error_of([&] { fs::set_length(-1, 3); }) == EBADF);
}

TEST_CASE("room is made for a file that will grow") {
  const scratch_dir dir;
  dir.write("file", "abc");
  const int fd = ::open((dir / "file").c_str(), O_RDWR | O_CLOEXEC);
  fs::allocate(fd, 3, 1'000'000);
  ::close(fd);
  const std::string content = fs::read_small(dir / "file").value();
  REQUIRE(content == "abc" + std::string(1'000'000, '\0'));
  fs::allocate(-1, 0, 1); // only a hint
}

TEST_CASE("attributes are kept with the file where the file system can") {
  const scratch_dir dir;
  dir.write("file", "");
  REQUIRE(!fs::get_attribute(dir / "file", "user.wale-test"));
  REQUIRE(!fs::get_attribute(dir / "absent", "user.wale-test"));
  const int fd = ::open((dir / "file").c_str(), O_RDWR | O_CLOEXEC);
  if (fs::set_attribute(fd, "user.wale-test", "abc")) {
    REQUIRE(fs::get_attribute(dir / "file", "user.wale-test") == "abc");
  }
  ::close(fd);
  const int proc = ::open("/proc/self/comm", O_RDWR | O_CLOEXEC);
  REQUIRE(!fs::set_attribute(proc, "user.wale-test", "abc"));
  REQUIRE(!fs::get_attribute("/proc/self/comm", "user.wale-test"));
  ::close(proc);
}

TEST_CASE("an attribute that finds no room or no liking is not supported, a bad call fails") {
  const scratch_dir dir;
  dir.write("file", "");
  const int fd = ::open((dir / "file").c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(!fs::set_attribute(fd, "user.wale-test", std::string(70'000, 'x')));       // E2BIG
  REQUIRE(!fs::set_attribute(fd, ("user." + std::string(300, 'x')).c_str(), "abc")); // ERANGE
  ::close(fd);
  REQUIRE(error_of([&] { fs::set_attribute(-1, "user.wale-test", "abc"); }) == EBADF);
}
