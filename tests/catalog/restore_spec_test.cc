// The JSON is WAL-E's, as its sentinels have it (tests/data/wal-e-store) and its help describes it.
#include <wale/base/error.hpp>
#include <wale/catalog/restore_spec.hpp>

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::catalog;

namespace {

using places = std::map<std::string, std::string>;

sentinel backup() {
  sentinel s;
  s.base_prefix = "/srv/data/";
  s.tablespaces.push_back({"16384", "/srv/ts1", "pg_tblspc/16384"});
  s.tablespaces.push_back({"16390", "/srv/ts2", "pg_tblspc/16390"});
  return s;
}

std::string refusal(const std::string& text) {
  try {
    read_restore_spec(text, "/etc/spec.json", backup());
  } catch (const failure& f) {
    CHECK(f.why() == kind::configuration);
    CHECK_FALSE(f.text().hint.empty());
    CHECK(f.text().detail.starts_with("/etc/spec.json: "));
    return f.text().detail;
  }
  return "";
}

} // namespace

TEST_CASE("a whole specification says where everything goes") {
  const restore_wish w = read_restore_spec(
      R"({"base_prefix": "/new/data/", "tablespaces": ["16384", "16390"],
          "16384": {"loc": "/new/a/", "link": "pg_tblspc/16384"},
          "16390": {"loc": "/new/b", "link": "pg_tblspc/16390"}})",
      "f",
      backup());
  CHECK(w.directory == "/new/data");
  CHECK(w.places == places{{"16384", "/new/a"}, {"16390", "/new/b"}});
  CHECK_FALSE(w.blind);
}

TEST_CASE("what a specification leaves out stays where it was, but for the directory") {
  CHECK(read_restore_spec("{}", "f", backup()).directory.empty());
  const restore_wish w = read_restore_spec(R"({"16390": {"loc": "/new/b"}})", "f", backup());
  CHECK(w.places == places{{"16384", "/srv/ts1"}, {"16390", "/new/b"}});
}

TEST_CASE("a list names those that get a place") {
  const restore_wish w =
      read_restore_spec(R"({"tablespaces": ["16390"], "16390": {"loc": "/new/b"}})", "f", backup());
  CHECK(w.places == places{{"16390", "/new/b"}});
  CHECK(read_restore_spec(R"({"tablespaces": []})", "f", backup()).places.empty());
}

TEST_CASE("SOURCE is where everything was, but for the directory") {
  const restore_wish w = source_restore_spec(backup());
  CHECK(w.directory.empty());
  CHECK(w.places == places{{"16384", "/srv/ts1"}, {"16390", "/srv/ts2"}});
}

TEST_CASE("a specification of another form is refused") {
  for (const char* text :
       {"",
        "tablespaces",
        "[]",
        R"({"tablespaces": "16384"})",
        R"({"tablespaces": [16384]})",
        R"({"tablespaces": ["16384", "16384"]})",
        R"({"base_prefix": 1})",
        R"({"base_prefix": "data"})",
        R"({"16384": "/new"})",
        R"({"16384": {}})",
        R"({"16384": {"loc": "new"}})",
        R"({"16384": {"loc": ""}})",
        R"({"16384": {"loc": 1}})",
        R"({"16384": {"loc": "/a\u0000b"}})",
        R"({"16384": {"loc": "/new", "link": "../16384"}})"})
    CHECK(refusal(text) != "");
}

TEST_CASE("a tablespace that the backup does not have is refused") {
  CHECK(
      refusal(R"({"tablespaces": ["16385"], "16385": {"loc": "/new"}})").find("16385") !=
      std::string::npos);
  CHECK(refusal(R"({"16348": {"loc": "/new"}})").find("16348") != std::string::npos);
  CHECK(
      refusal(R"({"tablespaces": ["16384"], "16390": {"loc": "/new"}})").find("16390") !=
      std::string::npos);
}

TEST_CASE("deep nesting is an error, not a crash") {
  CHECK(refusal(std::string(100'000, '[')) != "");
}
