#include <wale/base/error.hpp>
#include <wale/store/open.hpp>

#include <catch2/catch.hpp>

using namespace wale;

namespace {

std::string complaint_about(const std::string& url) {
  io::runtime rt;
  try {
    store::open_store(rt, url);
  } catch (const failure& f) {
    CHECK(f.why() == kind::configuration);
    return f.text().msg;
  }
  return "none";
}

} // namespace

TEST_CASE("only known schemes are opened, with WAL-E's words for others") {
  const std::string words = "bad S3, Windows Azure Blob Storage, OpenStack Swift, Google Cloud "
                            "Storage or File URL scheme "
                            "passed";
  CHECK(complaint_about("ftp://host/path") == words);
  CHECK(complaint_about("/plain/path") == words);
  CHECK(complaint_about("") == words);
}

TEST_CASE("a file prefix needs an absolute path of its own") {
  CHECK(complaint_about("file://localhost") == "the file storage prefix holds no path");
  CHECK(complaint_about("file:///") == "the file storage prefix is the root directory");
}

TEST_CASE("slashes around the path do not matter") {
  io::runtime rt;
  store::object_key key;
  key.name = "wal_005/x";
  for (const char* url : {"file:///a/b", "file:///a/b/", "file:///a/b//", "file:////a/b"}) {
    const auto s = store::open_store(rt, url);
    CHECK(s->url(key) == "file:///a/b/wal_005/x");
    CHECK(s->prefix() == "a/b/");
  }
  CHECK(store::open_store(rt, "file://host/a")->url(key) == "file://host/a/wal_005/x");
}
