// wal-push: PostgreSQL's archive_command. Exit 0 means that the store has the named file, durable,
// with exactly its content.
#include "cluster_guard.hpp"
#include "transfer.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/catalog/layout.hpp>
#include <wale/io/deadline.hpp>

#include <cmath>
#include <cstdio>
#include <utility>

namespace wale::command {
namespace {

constexpr std::string_view logger = "wal_e.worker.upload";
constexpr std::chrono::seconds time_budget{60};

std::vector<log::field>
fields(const store::store& archive, const archivable& file, std::string_view state) {
  return {
      {"action", "push-wal"},
      {"key", archive.url(catalog::wal_key(file.name.text))},
      {"prefix", archive.prefix()},
      {"seg", file.name.text},
      {"state", std::string(state)}};
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
      logger,
      {"the file is archived already, with the same content",
       c.archive.url(key) + " equals \"" + file.path + "\"."});
}

task<> push(context c, archivable file) {
  co_await require_cluster_of_archive(c.rt, c.archive, file);
  const std::string url = c.archive.url(catalog::wal_key(file.name.text));
  log::info(
      logger,
      {"begin archiving a file", "Uploading \"" + file.path + "\" to \"" + url + "\"."},
      fields(c.archive, file, "begin"));

  const pushed done = co_await push_wal_file(c.rt, c.archive, file);
  if (!done.stored) co_await compare(c, file, done);

  std::vector<log::field> structured = fields(c.archive, file, "complete");
  structured.push_back({"rate", rate_of(done)});
  log::info(
      logger,
      {"completed archiving to a file",
       "Archiving to \"" + url + "\" complete at " + rate_of(done) + "KiB/s."},
      std::move(structured));
}

} // namespace

task<int> wal_push(context c) {
  c.line.number("pool-size", 1);
  std::string path = c.line.operands.at(0);
  archivable file = co_await inspect(c.rt, std::move(path));
  std::string doing = "Archiving " + file.name.text;
  task<> work = push(c, std::move(file));
  co_await io::within(c.rt, time_budget, std::move(doing), std::move(work));
  co_return 0;
}

} // namespace wale::command
