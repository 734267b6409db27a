#pragma once
// An environment, a client and peers for the tests of the credential chain.

#include "../io/fixture.hpp"
#include "aws_keys.hpp"
#include "support/scratch_dir.hpp"
#include "support/scripted_peer.hpp"

#include <wale/http/client.hpp>

#include <map>
#include <optional>
#include <string>

namespace wale::store::test {

using namespace wale::io::test;
using wale::test::answer;
using wale::test::peer_connection;
using wale::test::received_request;
using wale::test::scratch_dir;
using wale::test::scripted_peer;

using variables = std::map<std::string, std::string>;

inline http::variable_lookup environment(variables set) {
  return [set = std::move(set)](const std::string& name) -> std::optional<std::string> {
    const auto found = set.find(name);
    if (found == set.end()) return std::nullopt;
    return found->second;
  };
}

inline answer reply(std::string body, int status = 200) {
  answer a;
  a.status = status;
  a.body = std::move(body);
  return a;
}

inline bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A document as the metadata services give it; `more` begins with a comma.
inline std::string credentials_json(const std::string& id, const std::string& more = {}) {
  return R"({"AccessKeyId": ")" + id + R"(", "SecretAccessKey": "secret-of-)" + id + R"(")" + more +
         "}";
}

/// What `f` throws.
template <class F> failure failure_of(F f) {
  try {
    f();
  } catch (const failure& x) {
    return x;
  }
  FAIL("accepted");
  throw;
}

} // namespace wale::store::test
