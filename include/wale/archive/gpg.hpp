#pragma once
// OpenPGP as stages of a pipeline: a gpg process at work between the source before and the one
// after. gpg takes its key ring, its agent and its choice of cipher from the user's GNUPGHOME.
//
// Both own the source before them and close it with themselves; closing kills and reaps gpg. No
// gpg of ours has a terminal, asks for a passphrase (the agent has it or it fails) or goes to the
// network. One that owes us something and neither reads nor writes for 10 seconds is ended.

#include <wale/io/runtime.hpp>
#include <wale/io/stream.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace wale::archive {

/// Blocks that each stage wants: one that fills, two that the stage after it holds.
constexpr std::size_t gpg_blocks = 3;

/// Yields the OpenPGP message that only the owner of `key_id`, anything that gpg --recipient takes,
/// can read. Not compressed by gpg. Throws kind::configuration if gpg is not installed or cannot
/// encrypt for this key, kind::unavailable if it does not go on.
class gpg_encryptor final : public io::source {
public:
  gpg_encryptor(
      io::runtime& rt,
      std::unique_ptr<io::source> plain,
      io::block_budget outputs,
      std::string key_id);
  ~gpg_encryptor() override;

  task<io::block> next() override;
  task<> close() override;

private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Yields what was encrypted; what is not an OpenPGP message it passes through as it is. Which of
/// the two it is, the first byte tells.
///
/// What was yielded before the end is not authentic yet: gpg proves it with its last byte. Anything
/// else than a whole message throws kind::corrupt. Throws kind::configuration if gpg is not
/// installed or the secret key is not here, kind::unavailable if the agent has not the passphrase
/// or does not answer. `name` is the object's, for these failures.
class gpg_decryptor final : public io::source {
public:
  gpg_decryptor(
      io::runtime& rt,
      std::unique_ptr<io::source> stored,
      io::block_budget outputs,
      std::string name);
  ~gpg_decryptor() override;

  task<io::block> next() override;
  task<> close() override;

  /// Known once next() has returned or thrown.
  bool is_encrypted() const noexcept;

private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Whether an object that begins with these bytes is encrypted (RFC 4880, sections 4.2, 4.3 and
/// 6.2).
bool is_openpgp(std::span<const std::byte> front) noexcept;

/// Encrypts nothing at all for `key_id`, and throws what gpg_encryptor would throw.
task<> require_encryption_key(io::runtime& rt, std::string key_id);

} // namespace wale::archive
