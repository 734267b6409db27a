#pragma once
// What the tests of tar, pack and extract share: a scratch directory, other programs, and whole
// archives as strings.
#include <wale/archive/tar.hpp>
#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/wait.h>
#include <vector>

namespace wale::archive::test {

/// A directory of our own, gone afterwards.
class scratch {
public:
  explicit scratch(const std::string& below = std::filesystem::temp_directory_path()) {
    std::string pattern = below + "/wale-tar-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~scratch() {
    std::error_code ignored;
    std::filesystem::permissions(
        path_, std::filesystem::perms::owner_all, std::filesystem::perm_options::add, ignored);
    std::filesystem::remove_all(path_, ignored);
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;

  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
  const std::string& path() const { return path_; }

private:
  std::string path_;
};

/// Standard output of a bash script that must succeed. `$D` is `dir`, which is also where it runs.
inline std::string shell(const std::string& dir, const std::string& script) {
  const std::string file = dir + ".sh";
  std::ofstream(file) << "set -e; export LC_ALL=C.UTF-8; D='" << dir << "'; cd \"$D\"\n"
                      << script << "\n";
  std::FILE* pipe = ::popen(("bash '" + file + "' 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string out;
  char buffer[65536];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    out.append(buffer, n);
  const int status = ::pclose(pipe);
  std::filesystem::remove(file);
  INFO(script << "\n" << out);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  return out;
}

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in.good());
  std::ostringstream all;
  all << in.rdbuf();
  return std::move(all).str();
}

inline void spit(const std::string& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(out.good());
}

struct parsed_member {
  tar_member member;
  std::string body;
};

/// Every member of an archive whose bytes arrive `step` at a time; throws what the reader throws.
inline std::vector<parsed_member> parse(std::string_view archive, std::size_t step = 65536) {
  std::vector<parsed_member> all;
  tar_reader reader;
  while (!archive.empty()) {
    const std::string_view part = archive.substr(0, step);
    archive.remove_prefix(part.size());
    auto input = std::as_bytes(std::span(part.data(), part.size()));
    for (bool more = true; more;) {
      switch (reader.next(input)) {
      case tar_reader::event::member:
        all.push_back({reader.member(), {}});
        break;
      case tar_reader::event::body:
        REQUIRE_FALSE(reader.body().empty());
        all.back().body.append(
            reinterpret_cast<const char*>(reader.body().data()), reader.body().size());
        break;
      case tar_reader::event::need_more:
      case tar_reader::event::end:
        more = false;
      }
    }
    REQUIRE(input.empty());
  }
  reader.finish();
  return all;
}

/// Members as one archive, ended as it must be.
inline std::string make_archive(const std::vector<parsed_member>& members) {
  std::string out;
  for (const parsed_member& m : members) {
    append_tar_header(out, m.member);
    out += m.body;
    out.append(tar_padding(m.body.size()), '\0');
  }
  out.append(tar_end_size(out.size()), '\0');
  return out;
}

inline parsed_member file_member(std::string name, std::string body, std::uint32_t mode = 0644) {
  parsed_member m;
  m.member.name = std::move(name);
  m.member.size = body.size();
  m.member.mode = mode;
  m.member.mtime_ns = 1'700'000'000'000'000'000;
  m.body = std::move(body);
  return m;
}

inline parsed_member link_member(tar_member::kind type, std::string name, std::string target) {
  parsed_member m;
  m.member.type = type;
  m.member.name = std::move(name);
  m.member.link_target = std::move(target);
  m.member.mode = 0777;
  m.member.mtime_ns = 1'700'000'000'000'000'000;
  return m;
}

inline parsed_member directory_member(std::string name, std::uint32_t mode = 0755) {
  parsed_member m = link_member(tar_member::kind::directory, std::move(name), "");
  m.member.mode = mode;
  return m;
}

inline tar_member plain_file() {
  return file_member("base/1/1259", std::string(8192, 'x'), 0600).member;
}

/// Why the reader throws, which must say `detail` in MSG or DETAIL.
inline kind why_refused(std::string_view archive, std::string_view detail) {
  try {
    parse(archive);
  } catch (const failure& f) {
    INFO(f.text().msg << " / " << f.text().detail);
    CHECK_THAT(f.text().msg + " " + f.text().detail, Catch::Contains(std::string(detail)));
    return f.why();
  }
  FAIL("it was accepted");
  return kind::bug;
}

/// Members at and beyond every limit of a ustar header.
inline std::vector<tar_member> awkward_members() {
  std::vector<tar_member> all;
  const auto add = [&](auto change) {
    tar_member m = plain_file();
    m.size = 0;
    change(m);
    all.push_back(m);
  };
  add([](tar_member& m) { m.name = std::string(100, 'a'); });
  add([](tar_member& m) { m.name = std::string(101, 'b'); });
  add([](tar_member& m) { m.name = std::string(120, 'd') + '/' + std::string(257, 'c'); });
  add([](tar_member& m) { m.name = "new\nline \\ back\tslash"; });
  add([](tar_member& m) { m.name = "not utf-8 \xff\xfe"; });
  add([](tar_member& m) { m.name = "long, not utf-8 \xe9" + std::string(200, 'e'); });
  add([](tar_member& m) { m.name = "\xc3\xa9t\xc3\xa9"; });
  add([](tar_member& m) { m.mtime_ns = 1'795'200'071'091'194'200; });
  add([](tar_member& m) { m.mtime_ns = 1; });
  add([](tar_member& m) { m.mtime_ns = -1'500'000'000; });
  add([](tar_member& m) { m.mtime_ns = 8'589'934'592'000'000'000; });
  add([](tar_member& m) { m.uid = 2'097'151; });
  add([](tar_member& m) { m.uid = 2'097'152, m.gid = 4'294'967'294; });
  add([](tar_member& m) { m.user = "postgres", m.group = std::string(40, 'g'); });
  add([](tar_member& m) { m.mode = 07755; });
  add([](tar_member& m) { m.type = tar_member::kind::directory, m.name = std::string(99, 'x'); });
  add([](tar_member& m) { m.type = tar_member::kind::directory, m.name = std::string(100, 'y'); });
  add([](tar_member& m) { m.type = tar_member::kind::directory, m.name.clear(); });
  add([](tar_member& m) {
    m.type = tar_member::kind::symlink, m.link_target = std::string(150, '/');
  });
  add([](tar_member& m) { m.type = tar_member::kind::symlink, m.link_target = "/absolute/\xff"; });
  add([](tar_member& m) { m.type = tar_member::kind::hard_link, m.link_target = "base/1/1259"; });
  add([](tar_member& m) { m.type = tar_member::kind::fifo; });
  return all;
}

/// All below `root` and itself, as a scan for a backup would give it, parents first.
inline std::vector<tree_entry> scan(const std::string& root) {
  std::vector<std::string> paths{root};
  for (const auto& e : std::filesystem::recursive_directory_iterator(root))
    paths.push_back(e.path());
  std::sort(paths.begin(), paths.end());
  std::vector<tree_entry> all;
  for (const std::string& path : paths) {
    struct stat st {};
    REQUIRE(::lstat(path.c_str(), &st) == 0);
    tree_entry e;
    e.path = path;
    e.name = path.size() > root.size() ? path.substr(root.size() + 1) : "";
    if (S_ISDIR(st.st_mode)) e.type = tree_entry::kind::directory;
    if (S_ISFIFO(st.st_mode)) e.type = tree_entry::kind::fifo;
    if (S_ISLNK(st.st_mode)) {
      e.type = tree_entry::kind::symlink;
      e.link_target = std::filesystem::read_symlink(path);
    }
    if (S_ISREG(st.st_mode)) e.size = static_cast<std::uint64_t>(st.st_size);
    e.mode = st.st_mode & 07777;
    e.uid = st.st_uid;
    e.gid = st.st_gid;
    e.mtime_ns = st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec;
    e.device = st.st_dev;
    e.inode = st.st_ino;
    e.links = static_cast<std::uint32_t>(st.st_nlink);
    all.push_back(std::move(e));
  }
  return all;
}

/// Every object of a tree with all that a restore must give back; equal text, equal trees.
inline std::string tree_text(const std::string& dir) {
  return shell(
      dir,
      "find . -type f -printf '%P file %m %U:%G %T@ %s links %n\\n' -o"
      " -type l -printf '%P link %U:%G %T@ -> %l\\n' -o -printf '%P %y %m %U:%G %T@\\n' | sort;"
      "find . -type f -print0 | sort -z | xargs -0r sha256sum");
}

/// Empty if the trees are equal.
inline std::string tree_difference(const std::string& a, const std::string& b) {
  spit(a + ".text", tree_text(a));
  spit(b + ".text", tree_text(b));
  return shell(
      a, "diff -a '" + a + ".text' '" + b + ".text' || true; rm '" + a + ".text' '" + b + ".text'");
}

/// A small tree with one of everything.
inline void make_tree(const std::string& dir) {
  shell(dir, R"sh(
mkdir -p base/1 base/5 global pg_wal empty; chmod 0700 . base base/1; chmod 0750 global
for i in $(seq 40); do head -c $((i * 211)) /dev/urandom > base/1/$i; done
head -c 3000000 /dev/urandom > base/5/large; head -c 300000 /dev/zero > base/5/zeros
: > base/5/nothing; printf x > global/one; head -c 262144 /dev/urandom > base/5/block
chmod 0600 base/1/*; chmod 0444 base/5/zeros; chmod 0640 global/one
ln -s /somewhere/else link; ln base/5/large base/5/same; mkfifo pipe
printf odd > "$(printf 'new\nline \\ \377')"; printf long > "$(printf 'n%.0s' {1..200})"
mkdir -p "$(printf 'd%.0s' {1..120})/$(printf 'e%.0s' {1..120})/$(printf 'f%.0s' {1..120})"
(cd d*/e*/f*; printf deep > file)
find . -depth -exec touch -h -d '2022-03-04 05:06:07.123456789 UTC' {} +
touch -d '2021-01-01 00:00:00.5 UTC' base/1/7; touch -d '1969-06-01 UTC' base/1/8; touch -d '2001-01-01 UTC' base
)sh");
}

} // namespace wale::archive::test
