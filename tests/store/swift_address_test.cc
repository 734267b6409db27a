#include "swift_address.hpp"
#include "swift_leftovers.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::store;

TEST_CASE("swift URLs name a container and what names begin with") {
  for (const char* url : {"swift://c/a/b", "swift://c/a/b/", "swift://c//a/b//"}) {
    const swift_location l = parse_swift_url(url);
    CHECK(l.container == "c");
    CHECK(l.root == "/a/b/");
  }
  CHECK(parse_swift_url("swift://c").root == "/");
  CHECK(parse_swift_url("swift://c/").root == "/");
  CHECK_THROWS_AS(parse_swift_url("swift://"), failure);
  CHECK_THROWS_AS(parse_swift_url("swift:///a"), failure);
  CHECK_THROWS_AS(parse_swift_url("s3://c/a"), failure);
}

TEST_CASE("targets keep the slash that names begin with") {
  CHECK(object_target("c", "/a/wal_005/x") == "/c//a/wal_005/x");
  CHECK(object_target("c d", "/a b/%") == "/c%20d//a%20b/%25");
  CHECK(container_target("c") == "/c");
}

TEST_CASE("segments have a place of their own, from which their object is known") {
  const swift_segments s("/p/");
  CHECK(s.part("/p/wal_005/x", "t", 7) == "/p/segments_005/wal_005/x/t/00000007");
  CHECK(s.part("/p/wal_005/x", "t", 7).starts_with(s.of_upload("/p/wal_005/x", "t")));
  CHECK(s.of_object("/p/wal_005/x") == "/p/segments_005/wal_005/x/");
  CHECK(s.behind() > s.part("/p/\x7f", "t", 1));
  CHECK(s.behind() < "/p/wal_005/x");
  const auto owner = s.owner_of("/p/segments_005/wal_005/x/t/00000007");
  REQUIRE(owner);
  CHECK(owner->object == "/p/wal_005/x");
  CHECK(owner->upload == "t");
  for (const char* other :
       {"/p/wal_005/x",
        "/p/segments_005/",
        "/p/segments_005/00000001",
        "/p/segments_005/t/00000001",
        "/p/segments_005/x//00000001",
        "/p/segments_005/x/t/1",
        "/p/segments_005/x/t/0000000a"})
    CHECK_FALSE(s.owner_of(other));
}

TEST_CASE("uploads without an object, or beside another one of it, are doubtful") {
  const swift_segments names("/p/");
  segment_census census(names);
  const auto info = [&](const char* object, const char* upload, unsigned n, std::int64_t time) {
    object_info i;
    i.key.name = names.part(object, upload, n);
    i.modified_ns = time;
    return i;
  };
  census.add(
      {info("/p/b/gone", "t1", 1, 5), info("/p/b/gone", "t1", 2, 9), info("/p/b/two", "t2", 1, 1)});
  census.add({info("/p/b/two", "t3", 1, 2), info("/p/b/whole", "t4", 1, 3)});
  CHECK(census.common_prefix() == "/p/b/");
  census.note_object("/p/b/two");
  census.note_object("/p/b/whole");
  census.note_object("/p/b/without-segments");
  const auto found = census.doubtful();
  REQUIRE(found.size() == 3);
  CHECK(found[0].key == "/p/b/gone");
  CHECK(found[0].id == "t1");
  CHECK(found[0].begun_ns == 9);
  CHECK(found[1].id == "t2");
  CHECK(found[2].id == "t3");
}
