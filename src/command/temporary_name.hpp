#pragma once
// The name of a file while it is fetched: beside its destination, so that a rename publishes it.

#include <string>

namespace wale::command {

/// A name that nobody can foresee in the directory of `destination`. Whatever has this name is
/// removed with the object, unless renamed() was called.
class temporary_name {
public:
  explicit temporary_name(const std::string& destination);
  ~temporary_name();
  temporary_name(const temporary_name&) = delete;
  temporary_name& operator=(const temporary_name&) = delete;

  const std::string& path() const { return path_; }
  void renamed() { path_.clear(); }

private:
  std::string path_;
};

/// Removes the temporary files beside `destination` that are older than a day: left by a process
/// that was killed; nobody else removes them. That some stay fails nothing.
void sweep_temporaries(const std::string& destination);

} // namespace wale::command
