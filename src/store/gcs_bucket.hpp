#pragma once
// The driver for Google Cloud Storage's JSON API: one attempt at each request. A token that the
// server refuses is forgotten before the failure is thrown.

#include "bucket.hpp"
#include "gcs_address.hpp"
#include "gcs_errors.hpp"
#include "gcs_requests.hpp"
#include "gcs_session.hpp"
#include "google_token.hpp"

#include <wale/http/client.hpp>
#include <wale/io/runtime.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wale::store {

class gcs_bucket final : public bucket {
public:
  /// `rt` outlives it; `tokens` may use `client`, and is null where none are wanted.
  gcs_bucket(
      io::runtime& rt,
      std::unique_ptr<http::client> client,
      std::unique_ptr<google_token_source> tokens,
      std::string name,
      gcs_address address,
      bool forbidden_is_absent);

  const bucket_traits& traits() const override { return traits_; }
  task<> warm_up() override;
  task<put_result::outcome>
  put(std::string key,
      object_description description,
      http::body_pieces body,
      put_condition condition) override;
  task<upload>
  begin(std::string key, object_description description, put_condition condition) override;
  /// Parts come one after the other; all but the last are a multiple of 256 KiB.
  task<uploaded_part>
  put_part(const upload& to, std::uint32_t number, http::body_pieces body) override;
  task<put_result::outcome>
  complete(const upload& what, const std::vector<uploaded_part>& parts) override;
  task<> abort(const upload& what) override;
  /// None: Cloud Storage lists no sessions. They cost nothing and end after a week.
  task<std::vector<unfinished_upload>> unfinished(std::string key_prefix) override;
  task<std::optional<object_facts>> head(std::string key) override;
  task<std::optional<opened_object>>
  get(std::string key, std::uint64_t offset, std::string etag, io::block_budget& budget) override;
  task<list_page> list(std::string key_prefix, std::string after) override;
  task<std::vector<failed_removal>> remove(std::vector<std::string> keys) override;
  task<> close() override;

private:
  question about(const char* doing, const std::string& key) const;
  /// The round of the token; 0 without one.
  task<std::uint64_t> authorise(http::request& r);
  task<http::reply> exchange(question q, http::request r);
  request_failure refused(
      const question& q, const http::response& head, std::string_view body, std::uint64_t round);
  void accepted(std::uint64_t round);

  gcs_session& session_of(const upload& u);
  task<> advance(upload to, gcs_session& s, question q, const http::body_pieces& body);
  task<> take(upload to, gcs_session& s, question q, http::reply answer);
  task<> settle_lost_session(upload to, gcs_session& s, question q);
  task<> finish(upload to, gcs_session& s, question q, object_facts stored);
  /// False if it stays.
  task<bool> discard(std::string key, std::string generation);

  /// After a 404. False if the object is there.
  task<bool> is_absent(question q, std::string key);

  io::runtime& runtime_;
  std::unique_ptr<http::client> client_;
  std::unique_ptr<google_token_source> tokens_;
  bucket_traits traits_;
  gcs_address address_;
  gcs_requests requests_;
  bool forbidden_is_absent_;
  std::optional<std::uint64_t> refused_round_; ///< until a later token is accepted
  std::map<std::string, gcs_session> sessions_;
  std::uint64_t next_session_ = 0;
};

} // namespace wale::store
