#pragma once
// The driver: one attempt at each request, as bucket.hpp promises. What an answer tells for the
// next attempt is mended before the failure is thrown: the clock, the token.
//
// An upload in parts is blocks without a list. Its id is our own; blocks that nobody lists are
// invisible, and Azure drops them after a week.

#include "azure_address.hpp"
#include "azure_authority.hpp"
#include "azure_errors.hpp"
#include "azure_requests.hpp"
#include "bucket.hpp"

#include <wale/http/client.hpp>
#include <wale/io/runtime.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace wale::store {

class azure_bucket final : public bucket {
public:
  /// `rt` outlives it; `authority` may use `client`.
  azure_bucket(
      io::runtime& rt,
      std::unique_ptr<http::client> client,
      std::unique_ptr<azure_authority> authority,
      std::string container,
      azure_address address);

  const bucket_traits& traits() const override { return traits_; }
  task<> warm_up() override;
  task<put_result::outcome>
  put(std::string key,
      object_description description,
      http::body_pieces body,
      put_condition condition) override;
  task<upload>
  begin(std::string key, object_description description, put_condition condition) override;
  task<uploaded_part>
  put_part(const upload& to, std::uint32_t number, http::body_pieces body) override;
  task<put_result::outcome>
  complete(const upload& what, const std::vector<uploaded_part>& parts) override;
  task<> abort(const upload& what) override;
  task<std::vector<unfinished_upload>> unfinished(std::string key_prefix) override;
  task<std::optional<object_facts>> head(std::string key) override;
  task<std::optional<opened_object>>
  get(std::string key, std::uint64_t offset, std::string etag, io::block_budget& budget) override;
  task<list_page> list(std::string key_prefix, std::string after) override;
  task<std::vector<failed_removal>> remove(std::vector<std::string> keys) override;
  task<> close() override;

private:
  question about(const char* doing, const std::string& key) const;
  /// What a request was authorised with.
  struct authorisation {
    std::uint64_t token = 0;
    std::chrono::seconds clock_offset{0};
  };
  struct authorised_reply : http::reply {
    authorisation with;
  };
  task<authorisation> authorise(http::request& r);
  task<authorised_reply> exchange(http::request r, http::exchange_options how = {});
  task<std::string> md5_of(const http::body_pieces& body);
  request_failure mend(const azure_verdict& v, const authorisation& refused);
  task<std::optional<failed_removal>> remove_one(std::string key);

  io::runtime& runtime_;
  std::unique_ptr<http::client> client_;
  std::unique_ptr<azure_authority> authority_;
  bucket_traits traits_;
  azure_address address_;
  azure_requests requests_;
  std::chrono::seconds clock_offset_{0};
  /// Where a listing goes on: the service's marker by prefix and last name of a page.
  std::map<std::pair<std::string, std::string>, std::string> markers_;
};

/// The id of a block, base64: the same length for all of a blob, unlike any other upload's.
std::string azure_block_id(const std::string& upload_id, std::uint32_t number);

} // namespace wale::store
