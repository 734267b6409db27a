#include "metadata_service.hpp"

#include <wale/base/error.hpp>

#include <utility>

namespace wale::store {

task<metadata_answer> ask_metadata(
    http::client& client,
    http::origin service,
    http::request what,
    std::chrono::milliseconds limit) {
  constexpr std::size_t largest = 256 * 1024;
  http::exchange_options how;
  how.direct = true;
  how.connect_limit = std::chrono::seconds(1);
  how.limit = limit;
  metadata_answer answer;
  try {
    answer.reply = co_await client.perform(std::move(service), std::move(what), how, largest);
  } catch (const failure& f) {
    if (f.why() != kind::unavailable) throw;
    answer.silence = f.text().msg + " " + f.text().detail;
  }
  co_return answer;
}

http::url metadata_url(const std::string& text) {
  http::url u = http::parse_url(text);
  while (u.path.ends_with('/'))
    u.path.pop_back();
  return u;
}

} // namespace wale::store
