// Expected texts were written by WAL-E 1.1.1 (Python's json.dumps).
#include <wale/base/error.hpp>
#include <wale/catalog/sentinel.hpp>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>

using namespace wale;
using namespace wale::catalog;

namespace {

std::string wal_e_sentinel() {
  const char* data = std::getenv("WALE_TEST_DATA");
  REQUIRE(data);
  std::ifstream file(
      std::string(data) + "/wal-e-store/prefix/basebackups_005/"
                          "base_000000010000000000000005_00000040_backup_stop_sentinel.json");
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace

TEST_CASE("WAL-E's sentinel is read, and written again byte for byte") {
  const std::string text = wal_e_sentinel();
  const sentinel s = read_sentinel(text, "sentinel");
  CHECK(s.tablespaces.size() == 1);
  CHECK_FALSE(s.partitions);
  CHECK(write_sentinel(s) == text);
}

TEST_CASE("ours adds the number of partitions at the end") {
  sentinel s = read_sentinel(wal_e_sentinel(), "sentinel");
  s.partitions = 3;
  const std::string text = write_sentinel(s);
  CHECK(text.ends_with(", \"partitions\": 3}"));
  CHECK(read_sentinel(text, "sentinel").partitions == 3U);
}

TEST_CASE("paths beyond ASCII are escaped as Python does") {
  sentinel s;
  s.wal_segment_backup_stop = "000000010000000000000003";
  s.wal_segment_offset_backup_stop = "00000312";
  s.expanded_size_bytes = 1;
  s.base_prefix = "/d\xC3\xA9j\xC3\xA0 \"vu\"\\\t\x7F/\xF0\x9F\x90\x98/";
  // json.dumps('/d\u00e9j\u00e0 "vu"\\\t\x7f/\U0001F418/') of Python 3.11.
  CHECK(
      write_sentinel(s).find(
          R"("base_prefix": "/d\u00e9j\u00e0 \"vu\"\\\t\u007f/\ud83d\udc18/")") !=
      std::string::npos);
}

TEST_CASE("paths that are no UTF-8 are escaped as Python does, and read again") {
  sentinel s;
  // Latin-1; overlong; a surrogate; beyond the last code point; a backslash before what looks like
  // an escape.
  s.base_prefix =
      "/d\xE9j\xE0/\xC0\xAF\xE0\x80\xAF/\xED\xB3\xBF/\xF4\x90\x80\x80/\\udcff/\xF0\x9F\x90\x98/";
  s.tablespaces = {{"16384", "/t\xFFs", "pg_tblspc/16384"}};
  const std::string text = write_sentinel(s);
  // json.dumps(os.fsdecode(...)) of Python 3.11.
  CHECK(
      text.find(R"("/d\udce9j\udce0/\udcc0\udcaf\udce0\udc80\udcaf/\udced\udcb3\udcbf/)"
                R"(\udcf4\udc90\udc80\udc80/\\udcff/\ud83d\udc18/")") != std::string::npos);
  const sentinel again = read_sentinel(text, "sentinel");
  CHECK(again.base_prefix == s.base_prefix);
  CHECK(again.tablespaces.at(0).location == "/t\xFFs");
  // Half of a pair is still wrong.
  CHECK_THROWS_AS(
      read_sentinel(R"({"spec": {"base_prefix": "/\udcff\ud83d/"}})", "sentinel"), failure);
  CHECK_THROWS_AS(read_sentinel(R"({"spec": {"base_prefix": "/\udc00/"}})", "sentinel"), failure);
}

TEST_CASE("sentinels of very old versions lack members") {
  const sentinel s = read_sentinel("{}", "sentinel");
  CHECK_FALSE(s.expanded_size_bytes);
  CHECK(s.tablespaces.empty());
}

TEST_CASE("a damaged sentinel is called corrupt and named") {
  const auto kind_of = [](std::string_view text) {
    try {
      read_sentinel(text, "the-place");
    } catch (const failure& f) {
      CHECK(f.text().detail.starts_with("the-place"));
      return f.why();
    }
    return kind::bug;
  };
  CHECK(kind_of("") == kind::corrupt);
  CHECK(kind_of("{") == kind::corrupt);
  CHECK(kind_of("[]") == kind::corrupt);
  CHECK(kind_of(R"({"expanded_size_bytes": "x"})") == kind::corrupt);
  CHECK(kind_of(R"({"expanded_size_bytes": -1})") == kind::corrupt);
  CHECK(kind_of(R"({"partitions": 0})") == kind::corrupt);
  CHECK(kind_of(R"({"spec": {"tablespaces": ["1"]}})") == kind::corrupt);
  CHECK(kind_of(R"({"spec": {"tablespaces": [1]}})") == kind::corrupt);
  CHECK(kind_of(R"({"spec": []})") == kind::corrupt);
  for (const char* oid : {"../../etc", "", "1/2", "12345678901", "x"})
    CHECK(
        kind_of(
            R"({"spec": {"tablespaces": [")" + std::string(oid) + R"("], ")" + oid +
            R"(": {"loc": "/a/"}}})") == kind::corrupt);
  CHECK(kind_of(R"({"spec": {"tablespaces": ["1", "1"], "1": {"loc": "/a/"}}})") == kind::corrupt);
}

TEST_CASE("metadata has the shape that other readers expect") {
  metadata m;
  m.start_time = "2026-11-20T18:56:40Z";
  m.finish_time = "2026-11-20T18:56:52Z";
  m.hostname = "h";
  m.data_dir = "/data";
  m.pg_version = 150000;
  m.start_lsn = 3238002728;
  m.finish_lsn = 3238002728;
  m.system_identifier = 18446744073709551615U;
  m.uncompressed_size = 2005934575;
  m.compressed_size = 473000000;
  const std::string text = write_metadata(m);
  CHECK(
      text == R"({"start_time": "2026-11-20T18:56:40Z", "finish_time": "2026-11-20T18:56:52Z", )"
              R"("date_fmt": "%Y-%m-%dT%H:%M:%S.%fZ", "hostname": "h", "data_dir": "/data", )"
              R"("pg_version": 150000, "start_lsn": 3238002728, "finish_lsn": 3238002728, )"
              R"("is_permanent": false, "system_identifier": 18446744073709551615, )"
              R"("uncompressed_size": 2005934575, "compressed_size": 473000000})");
  CHECK(read_metadata(text, "m").system_identifier == m.system_identifier);
}
