// The one place that knows which schemes exist.
#include "file.hpp"

#include <wale/base/error.hpp>
#include <wale/store/open.hpp>

namespace wale::store {

std::unique_ptr<store> open_store(io::runtime& rt, const std::string& prefix_url) {
  const std::size_t colon = prefix_url.find("://");
  const std::string scheme = colon == std::string::npos ? "" : prefix_url.substr(0, colon);
  if (scheme == "file") return open_file_store(rt, prefix_url);

  if (scheme == "s3" || scheme == "wabs" || scheme == "swift" || scheme == "gs")
    throw failure(
        kind::configuration,
        "this version of wal-e cannot use that kind of store",
        "The storage prefix \"" + prefix_url + "\" has the scheme \"" + scheme + "\".",
        "Use a file:// prefix, or the original WAL-E for this store.");
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
