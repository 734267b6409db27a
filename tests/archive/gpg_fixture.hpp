#pragma once
// A GNUPGHOME of its own with keys in every state, and the real gpg.

#include <string>

namespace wale::archive::test {

struct command_result {
  int exit_code;
  std::string output;
};
/// Runs a shell command with `input` on its standard input; standard error goes nowhere.
command_result run_shell(const std::string& command, const std::string& input = {});

/// Makes the key ring once per process, names it in GNUPGHOME, and removes it, its agent and all,
/// at the end. Users: Good, Locked (with a passphrase), Signing, Expired, Revoked, Disabled.
class keyring {
public:
  static keyring& instance();

  const std::string& home() const { return home_; }
  /// Another GNUPGHOME, with the public keys only.
  const std::string& public_home() const { return public_home_; }
  std::string encrypt(const std::string& plain, const std::string& user = "Good") const;
  /// Has the agent forget passphrases before this returns.
  void forget_passphrases() const;
  /// Gives the agent the passphrase of Locked, as an administrator does.
  void preset_passphrase() const;

private:
  keyring();
  ~keyring();
  keyring(const keyring&) = delete;
  keyring& operator=(const keyring&) = delete;

  std::string root_;
  std::string home_;
  std::string public_home_;
};

/// A variable of the environment as it is for one scope.
class environment_variable {
public:
  environment_variable(const char* name, const std::string& value);
  ~environment_variable();
  environment_variable(const environment_variable&) = delete;
  environment_variable& operator=(const environment_variable&) = delete;

private:
  const char* name_;
  std::string before_;
};

} // namespace wale::archive::test
