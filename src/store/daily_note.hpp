#pragma once
// A fact about a server that short-lived processes tell each other for a day, so that a warning
// comes once a day and not once a segment, and a request that will be refused is not tried again.

#include <string>

namespace wale::store {

/// An empty file in TMPDIR (/tmp), named after user and subject. Only a file of our own user
/// counts. That it cannot be written only means that the note is not remembered.
class daily_note {
public:
  explicit daily_note(const std::string& subject);
  bool is_fresh() const;
  void write() const;

private:
  std::string path_;
};

} // namespace wale::store
