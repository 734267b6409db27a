// One setting of the whole process.
#include "encryption.hpp"

#include <wale/archive/gpg.hpp>

#include <string_view>
#include <utility>

namespace wale::command {

namespace {

std::string& configured_key() {
  static std::string key;
  return key;
}

} // namespace

void configure_encryption(std::string key_id) {
  configured_key() = std::move(key_id);
}

const std::string& encryption_key() {
  return configured_key();
}

std::size_t encryption_blocks() {
  return encryption_key().empty() ? 0 : archive::gpg_blocks;
}

std::unique_ptr<io::source>
encrypted(io::runtime& rt, std::unique_ptr<io::source> body, io::block_budget blocks) {
  if (encryption_key().empty()) return body;
  return std::make_unique<archive::gpg_encryptor>(
      rt, std::move(body), std::move(blocks), encryption_key());
}

task<> require_usable_key(io::runtime& rt) {
  if (encryption_key().empty()) co_return;
  co_await archive::require_encryption_key(rt, encryption_key());
}

failure not_comparable(const std::string& url, const std::string& key, const failure& why) {
  if (why.why() == kind::interrupted || why.why() == kind::corrupt) return why;
  std::string name = key.substr(key.rfind('/') + 1);
  name.resize(name.size() - std::string_view(".lzo").size());
  return failure(
      kind::refused,
      "the archive holds an encrypted file of this name that cannot be compared here",
      url + " has no digest of its content, and it cannot be decrypted: " + why.text().msg + ".\n" +
          why.text().detail,
      "Nothing was stored, nothing overwritten. On a host with the secret key, \"wal-e wal-fetch " +
          name + " /tmp/" + name + "\" fetches what is stored: compare it with this server's " +
          name +
          ". If they are equal, move the object away, and the next wal-push stores it again with "
          "its digest; if not, another cluster uses this prefix.");
}

} // namespace wale::command
