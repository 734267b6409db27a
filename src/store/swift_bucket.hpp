#pragma once
// A container of Swift. Large objects are static ones (SLO): segments, then the manifest that makes
// an object of them. So an upload in parts that has no manifest is segments and nothing else.

#include "bucket.hpp"
#include "swift_account.hpp"
#include "swift_address.hpp"
#include "swift_requests.hpp"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace wale::store {

class swift_bucket final : public bucket {
public:
  swift_bucket(std::unique_ptr<swift_account> account, swift_location where);

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
  using name_filter = std::function<bool(const std::string&)>;

  question about(const char* doing, const std::string& key) const;
  task<std::string> md5_of(const http::body_pieces& body);
  task<> require_container(question q);
  task<put_result::outcome> read_back(std::string key, std::string token);
  task<> reject(question q, std::string key, std::string token);
  task<std::vector<object_info>> page(std::string prefix, std::string marker);
  task<std::vector<std::string>> names_below(std::string prefix, name_filter is_wanted);
  task<std::vector<std::string>> segments_of(std::vector<std::string> keys);

  std::unique_ptr<swift_account> account_;
  std::string container_;
  swift_segments segments_;
  swift_requests requests_;
  bucket_traits traits_;
  /// Uploads whose manifest the server may be storing still, though we heard nothing of it.
  std::set<std::string> undecided_;
};

} // namespace wale::store
