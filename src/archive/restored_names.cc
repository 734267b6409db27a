// A set of digests, each with the extraction that inserted it last.
#include <wale/archive/extract.hpp>
#include <wale/base/digest.hpp>

#include <cstring>

namespace wale::archive {

restored_names::key restored_names::key_of(std::string_view name) {
  sha256 digest;
  digest.update(std::as_bytes(std::span(name.data(), name.size())));
  const sha256_value whole = digest.finish();
  key k;
  std::memcpy(k.data(), whole.data(), sizeof k);
  return k;
}

bool restored_names::insert(std::string_view name, unsigned run) {
  const auto [place, fresh] = last_run_.try_emplace(key_of(name), run);
  return fresh || std::exchange(place->second, run) != run;
}

bool restored_names::contains(std::string_view name) const {
  return last_run_.contains(key_of(name));
}

bool restored_names::is_of(std::string_view name, unsigned run) const {
  const auto found = last_run_.find(key_of(name));
  return found != last_run_.end() && found->second == run;
}

} // namespace wale::archive
