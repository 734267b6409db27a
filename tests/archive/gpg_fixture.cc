// Keys are made by gpg itself; short paths, as an agent's socket lies in GNUPGHOME.
#include "gpg_fixture.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <sys/wait.h>

namespace wale::archive::test {

namespace {

constexpr const char* passphrase = "correct horse battery staple";

void must(const std::string& command) {
  if (run_shell(command).exit_code != 0) throw std::runtime_error(command);
}

void make_key(const std::string& user, const std::string& kind, const std::string& phrase = {}) {
  must(
      "gpg --batch --quiet --pinentry-mode loopback --passphrase '" + phrase +
      "' --quick-gen-key '" + user + " <" + user + "@example.invalid>' " + kind);
}

std::string fingerprint(const std::string& user) {
  std::string text = run_shell(
                         "gpg --batch --with-colons --list-keys " + user +
                         " | sed -n 's/^fpr:*\\([^:]*\\):/\\1/p'")
                         .output;
  return text.substr(0, text.find('\n'));
}

} // namespace

command_result run_shell(const std::string& command, const std::string& input) {
  std::string folder = "/tmp/wale-XXXXXX";
  if (!::mkdtemp(folder.data())) throw std::runtime_error("mkdtemp");
  std::ofstream(folder + "/in", std::ios::binary) << input;
  const std::string line =
      "{ " + command + "; } < " + folder + "/in > " + folder + "/out 2>/dev/null";
  const int status = std::system(line.c_str());
  std::ifstream out(folder + "/out", std::ios::binary);
  command_result result{
      WIFEXITED(status) ? WEXITSTATUS(status) : -1,
      std::string(std::istreambuf_iterator<char>(out), {})};
  std::filesystem::remove_all(folder);
  return result;
}

keyring& keyring::instance() {
  static keyring one;
  return one;
}

keyring::keyring() : root_("/tmp/wale-gpg-XXXXXX") {
  if (!::mkdtemp(root_.data())) throw std::runtime_error("mkdtemp");
  home_ = root_ + "/h";
  public_home_ = root_ + "/p";
  for (const std::string& folder : {home_, public_home_}) {
    std::filesystem::create_directory(folder);
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
  }
  ::setenv("GNUPGHOME", home_.c_str(), 1);
  std::ofstream(home_ + "/gpg-agent.conf") << "allow-preset-passphrase\n";
  make_key("Good", "default default never");
  make_key("Locked", "default default never", passphrase);
  make_key("Signing", "rsa2048 default never");
  make_key("Expired", "default default seconds=1");
  make_key("Revoked", "default default never");
  make_key("Disabled", "default default never");
  must(
      "sed 's/^:---/---/' " + home_ + "/openpgp-revocs.d/" + fingerprint("Revoked") +
      ".rev | gpg --batch --import");
  must("printf 'disable\\nsave\\n' | gpg --no-tty --command-fd 0 --edit-key Disabled");
  must("gpg --batch --export | gpg --homedir " + public_home_ + " --batch --import");
}

keyring::~keyring() {
  for (const std::string& home : {home_, public_home_})
    run_shell("GNUPGHOME=" + home + " gpgconf --kill all");
  std::filesystem::remove_all(root_);
}

std::string keyring::encrypt(const std::string& plain, const std::string& user) const {
  return run_shell("gpg --batch --trust-model always -z 0 -e -r " + user, plain).output;
}

void keyring::forget_passphrases() const {
  must("gpgconf --reload gpg-agent");
}

void keyring::preset_passphrase() const {
  must("gpgconf --launch gpg-agent");
  const std::string grips =
      run_shell("gpg --batch --with-colons --with-keygrip --list-secret-keys Locked | sed -n "
                "'s/^grp:*\\([^:]*\\):/\\1/p'")
          .output;
  must(
      "for grip in $(echo '" + grips + "'); do printf '%s' '" + passphrase +
      "' | $(gpgconf --list-dirs libexecdir)/gpg-preset-passphrase --preset $grip; done");
}

environment_variable::environment_variable(const char* name, const std::string& value)
    : name_(name), before_(std::getenv(name) ? std::getenv(name) : "") {
  ::setenv(name, value.c_str(), 1);
}

environment_variable::~environment_variable() {
  ::setenv(name_, before_.c_str(), 1);
}

} // namespace wale::archive::test
