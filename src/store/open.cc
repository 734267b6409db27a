// The one place that knows which schemes exist.
#include "azure.hpp"
#include "file.hpp"
#include "gcs.hpp"
#include "s3.hpp"
#include "swift.hpp"

#include <wale/base/error.hpp>
#include <wale/store/open.hpp>

namespace wale::store {

namespace {

std::string scheme_of(const std::string& prefix_url) {
  const std::size_t colon = prefix_url.find("://");
  return colon == std::string::npos ? "" : prefix_url.substr(0, colon);
}

} // namespace

bool wants_parts(const std::string& prefix_url) {
  return scheme_of(prefix_url) != "file";
}

std::unique_ptr<store>
open_store(io::runtime& rt, const std::string& prefix_url, const settings& how) {
  const std::string scheme = scheme_of(prefix_url);
  if (scheme == "file") return open_file_store(rt, prefix_url);
  if (scheme == "s3") return open_s3_store(rt, prefix_url, how);
  if (scheme == "wabs") return open_azure_store(rt, prefix_url, how);
  if (scheme == "gs") return open_gcs_store(rt, prefix_url, how);
  if (scheme == "swift") return open_swift_store(rt, prefix_url, how);

  // WAL-E's words: people grep for them.
  throw failure(
      kind::configuration,
      "bad S3, Windows Azure Blob Storage, OpenStack Swift, Google Cloud Storage or File URL "
      "scheme passed",
      "The scheme \"" + scheme +
          "\" was passed when \"s3\", \"wabs\", \"swift\", \"gs\" or "
          "\"file\" was expected.",
      "Begin the prefix with one of these, for example file:///var/backups/wal-e.");
}

} // namespace wale::store
