#pragma once
// A bucket in memory, as strict as a real one, with a script of faults: what answers are lost, what
// is refused, where bodies are cut.

#include "bucket.hpp"

#include <wale/io/runtime.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace wale::test {

/// Thrown by faults: what the network does, and what a server says.
std::exception_ptr broken_connection(const std::string& detail = "Connection reset by peer");
std::exception_ptr answered(
    store::request_failure::repeat when, std::string code, std::chrono::milliseconds pause = {});

/// One thing that goes wrong.
struct fault {
  std::string operation; ///< `put`, `begin`, `put_part`, ... as the member functions; `body` of get
  std::exception_ptr error = broken_connection(); ///< null: hangs until it is cancelled
  bool done = false;                              ///< it is lost only on the way back
  int times = 1;                                  ///< so many requests in a row
  int spare = 0;                                  ///< after so many without it
  std::uint64_t at = 0;                           ///< of `body`: after so many bytes of the answer
  bool quiet = false;                             ///< of `body`: it just ends there
};

struct fake_object {
  std::string bytes;
  store::object_description description;
  std::string etag;
  std::int64_t modified_ns = 0;
};

struct fake_upload {
  store::upload what;
  std::map<std::uint32_t, std::string> parts = {};
  std::int64_t begun_ns = 0;
};

/// What is stored, and how the next requests go. Outlives its buckets.
class fake_server {
public:
  std::map<std::string, std::shared_ptr<const fake_object>> objects;
  std::map<std::string, fake_upload> uploads; ///< by id
  std::deque<fault> faults;
  std::map<std::string, std::string> kept; ///< keys that cannot be removed, and the code for it
  std::function<void(store::list_page&)> tamper; ///< with what list() answers
  bool missing = false;                          ///< there is no such bucket
  bool token_expired = false;                    ///< until the driver was told
  std::size_t page = 1000;
  std::uint64_t least_part = 5 * 1024 * 1024;
  bool etags = true;
  bool obeys_if_match = true;
  std::uint64_t understated = 0; ///< by how much head and get make objects smaller
  store::bucket_traits traits;

  std::vector<std::string> requests;              ///< `put KEY`, in the order in which they came
  std::map<std::string, int> in_flight = {};      ///< by operation, now
  std::map<std::string, int> most_in_flight = {}; ///< and at any time
  int begun = 0;                                  ///< uploads
  int bodies_open = 0;
  int bodies_changed = 0; ///< requests whose bytes changed before the answer
  /// Called each time something waits, on the server and in make_source() of tests: where a test
  /// can cancel.
  std::function<void()> at_wait;

  fake_server();
  int count(const std::string& operation) const;
  /// The request's fault, if it has one now.
  std::optional<fault> take_fault(const std::string& operation);
  void store_object(const std::string& key, fake_object o);
  void waits() const {
    if (at_wait) at_wait();
  }

private:
  std::uint64_t versions_ = 0;
};

/// A driver for it. One attempt at each request, like all drivers.
std::unique_ptr<store::bucket>
make_fake_bucket(io::runtime& rt, std::shared_ptr<fake_server> server);

} // namespace wale::test
