#pragma once
// Whether what we store is encrypted. Reading needs none of this: archive::gpg_decryptor looks at
// the object.

#include <wale/base/error.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/stream.hpp>

#include <cstddef>
#include <memory>
#include <string>

namespace wale::command {

/// Set once by main, before any command runs, so that no path to the store can forget it. Empty:
/// nothing is encrypted.
void configure_encryption(std::string key_id);
const std::string& encryption_key();

/// The blocks that encrypted() wants: none without a key.
std::size_t encryption_blocks();
/// `body` as it is to be stored: encrypted if there is a key.
std::unique_ptr<io::source>
encrypted(io::runtime& rt, std::unique_ptr<io::source> body, io::block_budget blocks);

/// Throws what encrypted() would throw after its first block, if there is a key that does not do.
task<> require_usable_key(io::runtime& rt);

/// What to say where an encrypted WAL file at `key` is to be compared by its content, as WAL-E
/// stored no digest with it, and could not be decrypted, for this reason. A damaged one stays that.
failure not_comparable(const std::string& url, const std::string& key, const failure& why);

} // namespace wale::command
