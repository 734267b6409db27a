// Begin, push, compare if the name is taken, complete.
#include "archive_file.hpp"

#include <wale/base/error.hpp>
#include <wale/catalog/layout.hpp>

#include <cstdio>
#include <utility>

namespace wale::command {
namespace {

std::vector<log::field>
fields(const store::store& archive, const archivable& file, std::string state) {
  std::string key = archive.url(catalog::wal_key(file.name.text));
  return push_fields(std::move(key), archive.prefix(), file.name.text, std::move(state));
}

// Compressed KiB per second as WAL-E prints it.
std::string rate_of(const pushed& p) {
  if (p.seconds <= 0) return "NaN";
  char text[32];
  std::snprintf(text, sizeof text, "%g", static_cast<double>(p.bytes) / 1024 / p.seconds);
  return text;
}

failure other_content(const archivable& file, const std::string& url) {
  std::string hint =
      "Does another cluster use this prefix, or has this one been promoted twice (split brain)? "
      "PostgreSQL keeps the file and tries again; nothing was overwritten.";
  if (file.name.type != pg::wal_name::kind::segment)
    hint += " The archiver's queue stands behind this file: if the stored one is worthless, move "
            "the object away.";
  return failure(
      kind::exists,
      "the archive holds another file of this name",
      url + " differs from \"" + file.path + "\".",
      std::move(hint));
}

task<> compare(context c, archivable file, pushed done) {
  const store::object_key key = catalog::wal_key(file.name.text);
  const sha256_value stored = co_await digest_of_stored(c.rt, c.archive, key);
  if (stored != done.digest) throw other_content(file, c.archive.url(key));
  log::info(
      upload_logger,
      {"the file is archived already, with the same content",
       c.archive.url(key) + " equals \"" + file.path + "\"."});
}

} // namespace

std::vector<log::field>
push_fields(std::string key, std::string prefix, std::string segment, std::string state) {
  return {
      {"action", "push-wal"},
      {"key", std::move(key)},
      {"prefix", std::move(prefix)},
      {"seg", std::move(segment)},
      {"state", std::move(state)}};
}

task<sha256_value>
archive_file(context c, archivable file, io::block_budget budget, push_terms terms) {
  const std::string url = c.archive.url(catalog::wal_key(file.name.text));
  log::info(
      upload_logger,
      {"begin archiving a file", "Uploading \"" + file.path + "\" to \"" + url + "\"."},
      fields(c.archive, file, "begin"));

  const pushed done =
      co_await push_wal_file(c.rt, c.archive, file, std::move(budget), std::move(terms));
  if (!done.stored) co_await compare(c, file, done);

  std::vector<log::field> structured = fields(c.archive, file, "complete");
  structured.push_back({"rate", rate_of(done)});
  log::info(
      upload_logger,
      {"completed archiving to a file",
       "Archiving to \"" + url + "\" complete at " + rate_of(done) + "KiB/s."},
      std::move(structured));
  co_return done.digest;
}

} // namespace wale::command
