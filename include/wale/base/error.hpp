#pragma once
// How everything in wal-e fails.
//
// A failure is one exception type carrying what WAL-E's log records carry: MSG says what failed,
// DETAIL what was seen, HINT what the operator can do. `kind` classifies by what the caller can do
// about it, never by cause; it alone decides the exit code (exit_code.hpp). A layer that knows more
// than the one below catches, adds its words and rethrows, once; only main prints.
//
// Absence of an object is not a failure: a store answers std::nullopt.

#include <exception>
#include <string>

namespace wale {

enum class kind {
  usage,         ///< the command line cannot be understood
  configuration, ///< a setting is missing or contradicts another
  absent,        ///< the store proved that exactly this object does not exist
  exists,        ///< a create-only name is taken by other content
  corrupt,       ///< stored or read bytes are not what they must be
  refused,       ///< doing it would lose or endanger data; a person must decide
  unavailable,   ///< store, server or file system does not do its part now
  no_space,      ///< ENOSPC or EDQUOT
  interrupted,   ///< SIGINT or SIGTERM, or cancelled by a sibling's failure
  bug,           ///< an invariant of this program does not hold
};

/// The words of one log record. All may hold several lines; none may hold a secret.
struct explanation {
  std::string msg;
  std::string detail = {};
  std::string hint = {};
};

class failure : public std::exception {
public:
  failure(kind k, std::string msg, std::string detail = {}, std::string hint = {});

  /// A failed system call. `kind` follows from the error number: ENOSPC and EDQUOT give no_space,
  /// ECANCELED gives interrupted, all others unavailable. `what` names call and object,
  /// for example `open "/a/b"`.
  static failure system(int error_number, std::string what, std::string msg = {});

  const char* what() const noexcept override { return text_.msg.c_str(); }
  kind why() const noexcept { return kind_; }
  const explanation& text() const noexcept { return text_; }
  /// errno of the system call behind it, 0 if there was none.
  int error_number() const noexcept { return error_number_; }

  /// The same failure with other words: an empty string keeps what is there.
  failure with_msg(std::string msg) const;
  failure with_detail(std::string detail) const;
  failure with_hint(std::string hint) const;

private:
  kind kind_;
  int error_number_ = 0;
  explanation text_;
};

/// Whether this is a failure of this kind, for where an error is kept rather than caught.
bool is_failure(const std::exception_ptr& error, kind k) noexcept;

/// `No such file or directory (errno 2)`; thread-safe.
std::string describe_errno(int error_number);

} // namespace wale
