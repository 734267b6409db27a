#include "live.hpp"

#include <wale/pg/connection.hpp>

namespace wale::test {

task<outcome> outcome_of(task<> work) {
  outcome o;
  try {
    co_await std::move(work);
  } catch (const pg::server_failure& f) {
    o.failed = true;
    o.why = f.why();
    o.text = f.text();
    o.sqlstate = f.sqlstate();
  } catch (const failure& f) {
    o.failed = true;
    o.why = f.why();
    o.text = f.text();
  }
  co_return o;
}

} // namespace wale::test
