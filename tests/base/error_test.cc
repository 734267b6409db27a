#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <cerrno>

using namespace wale;

TEST_CASE("errno decides the kind of a failed system call") {
  CHECK(failure::system(ENOSPC, "write").why() == kind::no_space);
  CHECK(failure::system(EDQUOT, "write").why() == kind::no_space);
  CHECK(failure::system(ECANCELED, "read").why() == kind::interrupted);
  CHECK(failure::system(EIO, "read").why() == kind::unavailable);
  CHECK(failure::system(ENOENT, "open").error_number() == ENOENT);
}

TEST_CASE("a failed system call names call, object and reason") {
  const failure f = failure::system(ENOENT, "open \"/a/b\"", "could not read it");
  CHECK(f.text().msg == "could not read it");
  CHECK(f.text().detail == "open \"/a/b\": No such file or directory (errno 2)");
  CHECK(failure::system(ENOSPC, "write").text().hint != "");
}

TEST_CASE("words can be exchanged one by one, empty ones change nothing") {
  const failure f(kind::corrupt, "m", "d", "h");
  const failure g = f.with_msg("m2").with_detail("").with_hint("h2");
  CHECK(g.text().msg == "m2");
  CHECK(g.text().detail == "d");
  CHECK(g.text().hint == "h2");
  CHECK(g.why() == kind::corrupt);
  CHECK(std::string(g.what()) == "m2");
}
