// Adler-32 by isa-l or liblzo2.
#include <wale/archive/adler32.hpp>

#ifdef WALE_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#else
#include <lzo/lzoconf.h>
#endif

namespace wale::archive {

std::uint32_t adler32(std::span<const std::byte> bytes, std::uint32_t so_far) noexcept {
  // liblzo2 starts again at 1 when it is given a null pointer, which an empty span may hold.
  if (bytes.empty()) return so_far;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
#ifdef WALE_HAVE_ISAL
  return isal_adler32(so_far, data, bytes.size());
#else
  return lzo_adler32(so_far, data, bytes.size());
#endif
}

} // namespace wale::archive
