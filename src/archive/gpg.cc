// The two directions, and the questions about keys.
#include "gpg_filter.hpp"

#include <wale/archive/gpg.hpp>
#include <wale/base/error.hpp>

#include <exception>
#include <optional>
#include <utility>

namespace wale::archive {

namespace {

// The key need not be signed: it is named by the administrator. Compressing again gains nothing and
// takes ten times as long.
io::program_call encrypting(const std::string& key_id) {
  return gpg_call(
      {"--quiet",
       "--trust-model=always",
       "--compress-algo=none",
       "-z0",
       "--recipient=" + key_id,
       "--encrypt"});
}

io::program_call decrypting() {
  return gpg_call({"--pinentry-mode=error", "--decrypt"});
}

class nothing final : public io::source {
public:
  task<io::block> next() override { co_return io::block(); }
  task<> close() override { co_return; }
};

// All that a call of gpg prints, which is little.
struct printing {
  gpg_filter& gpg;
  std::string& text;

  task<> operator()() {
    while (true) {
      const io::block b = co_await gpg.next();
      if (!b) co_return;
      text.append(reinterpret_cast<const char*>(b.bytes().data()), b.size());
    }
  }
};

// Empty if it cannot be had: it only explains.
task<std::string> listing_of(io::runtime& rt, io::block_budget& outputs, std::string key_id) {
  std::string text;
  std::exception_ptr interruption;
  try {
    const io::program_call call = gpg_call({"--with-colons", "--list-keys", "--", key_id});
    nothing input;
    gpg_filter gpg(rt, call, input, io::block(), outputs);
    printing print{gpg, text};
    try {
      co_await print();
    } catch (...) {
      interruption = std::current_exception();
    }
    co_await io::shield(gpg.close());
    if (interruption) std::rethrow_exception(interruption);
  } catch (const failure& f) {
    if (f.why() == kind::interrupted) throw;
  }
  co_return text;
}

bool has_tag(unsigned char first, unsigned tag) {
  const bool is_new_format = first & 0x40;
  return is_new_format ? (first & 0x3fU) == tag : (first >> 2 & 0x0fU) == tag;
}

} // namespace

struct gpg_encryptor::state {
  io::runtime& rt;
  std::unique_ptr<io::source> plain;
  io::block_budget outputs;
  std::string key_id;
  std::optional<gpg_filter> gpg = {};
};

gpg_encryptor::gpg_encryptor(
    io::runtime& rt,
    std::unique_ptr<io::source> plain,
    io::block_budget outputs,
    std::string key_id)
    : state_(new state{rt, std::move(plain), std::move(outputs), std::move(key_id)}) {}

gpg_encryptor::~gpg_encryptor() = default;

task<io::block> gpg_encryptor::next() {
  state& s = *state_;
  if (!s.gpg) s.gpg.emplace(s.rt, encrypting(s.key_id), *s.plain, io::block(), s.outputs);
  io::block b = co_await s.gpg->next();
  if (b) co_return std::move(b);
  const bool is_whole = s.gpg->has_read_all() && has_encrypted(s.gpg->report(), s.gpg->exit_code());
  if (is_whole) co_return io::block();
  const std::string listing = co_await listing_of(s.rt, s.outputs, s.key_id);
  throw encryption_failure(s.gpg->report(), s.key_id, listing);
}

task<> gpg_encryptor::close() {
  if (state_->gpg) co_await state_->gpg->close();
  co_await state_->plain->close();
}

struct gpg_decryptor::state {
  io::runtime& rt;
  std::unique_ptr<io::source> stored;
  io::block_budget outputs;
  std::string name;
  bool has_begun = false;
  bool is_encrypted = false;
  std::optional<gpg_filter> gpg = {};
};

gpg_decryptor::gpg_decryptor(
    io::runtime& rt, std::unique_ptr<io::source> stored, io::block_budget outputs, std::string name)
    : state_(new state{rt, std::move(stored), std::move(outputs), std::move(name)}) {}

gpg_decryptor::~gpg_decryptor() = default;

task<io::block> gpg_decryptor::next() {
  state& s = *state_;
  if (!std::exchange(s.has_begun, true)) {
    io::block front = co_await s.stored->next();
    s.is_encrypted = front && is_openpgp(front.bytes());
    if (!s.is_encrypted) co_return std::move(front);
    s.gpg.emplace(s.rt, decrypting(), *s.stored, std::move(front), s.outputs);
  }
  if (!s.gpg) {
    io::block b = co_await s.stored->next();
    co_return std::move(b);
  }
  io::block b = co_await s.gpg->next();
  if (b) co_return std::move(b);
  const bool is_whole = s.gpg->has_read_all() && has_decrypted(s.gpg->report(), s.gpg->exit_code());
  if (!is_whole) throw decryption_failure(s.gpg->report(), s.gpg->exit_code(), s.name);
  co_return io::block();
}

task<> gpg_decryptor::close() {
  if (state_->gpg) co_await state_->gpg->close();
  co_await state_->stored->close();
}

bool gpg_decryptor::is_encrypted() const noexcept {
  return state_->is_encrypted;
}

// Public-key and symmetric-key session keys, encrypted data with and without integrity protection,
// a marker before them, or ASCII armour. lzop's magic would be a signature, which is none of these.
bool is_openpgp(std::span<const std::byte> front) noexcept {
  if (front.empty()) return false;
  const auto first = static_cast<unsigned char>(front.front());
  if (first == '-') return true;
  if (!(first & 0x80)) return false;
  for (const unsigned tag : {1U, 3U, 9U, 10U, 18U, 20U})
    if (has_tag(first, tag)) return true;
  return false;
}

task<> require_encryption_key(io::runtime& rt, std::string key_id) {
  io::block_budget outputs = co_await rt.blocks().reserve(1);
  gpg_encryptor encryptor(rt, std::make_unique<nothing>(), std::move(outputs), std::move(key_id));
  struct draining {
    task<> operator()(io::source& from) {
      while (true) {
        const io::block b = co_await from.next();
        if (!b) co_return;
      }
    }
  };
  draining drain;
  co_await io::with_source(encryptor, drain);
}

} // namespace wale::archive
