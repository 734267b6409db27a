#pragma once
// A bucket of S3: each request signed, sent once, and its answer judged. What this side can mend is
// mended before the failure is thrown: the clock, the credentials, the region.

#include "aws_credentials.hpp"
#include "bucket.hpp"
#include "daily_note.hpp"
#include "s3_address.hpp"
#include "s3_errors.hpp"
#include "s3_options.hpp"
#include "s3_requests.hpp"
#include "sigv4.hpp"

#include <wale/http/client.hpp>
#include <wale/io/runtime.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace wale::store {

class s3_bucket final : public bucket {
public:
  /// `rt` outlives it; `credentials` may use `client`.
  s3_bucket(
      io::runtime& rt,
      std::unique_ptr<http::client> client,
      std::unique_ptr<credential_source> credentials,
      std::string name,
      s3_address address,
      s3_options options);

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
  /// What a request was signed with. It may be mended for all while an answer is on its way.
  struct signing {
    std::string region;
    std::chrono::seconds clock_offset{0};
  };
  struct signed_reply : http::reply {
    signing with;
  };

  question about(const char* doing, const std::string& key) const;
  task<signing> sign(http::request& r, std::string_view payload_hash);
  task<signed_reply>
  exchange(http::request r, std::string payload_hash, http::exchange_options how = {});
  task<signed_reply> send(http::request r);
  task<std::string> hash_of(const http::body_pieces& body);
  std::string checksum_of(const std::string& payload_hash) const;
  request_failure mend(const s3_verdict& v, const signing& refused);
  bool proves_absence(const http::response& head, const s3_verdict& v) const;
  task<bool> is_absent(std::string key, question q);
  bool can_forbid() const;
  void note_cannot_forbid();

  io::runtime& runtime_;
  std::unique_ptr<http::client> client_;
  std::unique_ptr<credential_source> credentials_;
  bucket_traits traits_;
  s3_address address_;
  s3_options options_;
  s3_requests requests_;
  sigv4_signer signer_;
  std::chrono::seconds clock_offset_{0};
  daily_note no_conditions_;
  bool cannot_forbid_ = false; ///< the server has no conditional writes
};

} // namespace wale::store
