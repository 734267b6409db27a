#pragma once
// What the tests of tar, pack and extract share: a scratch directory, other programs, and whole
// archives as strings.
#include <wale/archive/tar.hpp>

#include <catch2/catch.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <vector>

namespace wale::archive::testing {

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
  return m;
}

} // namespace wale::archive::testing
