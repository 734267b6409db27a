// Orchestration only: requests are made in azure_requests, authorised by azure_authority, answers
// read in azure_xml and judged in azure_errors.
#include "azure_bucket.hpp"

#include "azure_xml.hpp"
#include "opening.hpp"

#include <wale/base/base64.hpp>
#include <wale/base/digest.hpp>

#include <cstdio>
#include <utility>

namespace wale::store {
namespace {

using outcome = put_result::outcome;

// Azure bears 15 minutes ("Authorize with Shared Key", "Specifying the Date header").
constexpr std::chrono::minutes least_clock_error{1};

bool is_success(const http::response& r) {
  return r.status >= 200 && r.status < 300;
}

const char* const storing = "could not store an object";
const char* const reading = "could not read an object";
const char* const listing = "could not list objects";
const char* const removing = "could not remove objects";

} // namespace

std::string azure_block_id(const std::string& upload_id, std::uint32_t number) {
  char digits[16];
  std::snprintf(digits, sizeof digits, "%06u", static_cast<unsigned>(number));
  return to_base64(upload_id + digits);
}

azure_bucket::azure_bucket(
    io::runtime& rt,
    std::unique_ptr<http::client> client,
    std::unique_ptr<azure_authority> authority,
    std::string container,
    azure_address address)
    : runtime_(rt), client_(std::move(client)), authority_(std::move(authority)),
      address_(std::move(address)), requests_(address_) {
  traits_.kind_name = "wabs";
  traits_.url_root = "wabs://" + std::move(container) + "/";
  traits_.server = address_.origin().text();
  traits_.removals_at_once = 1; // many at the same time instead
  traits_.most_parts = 50'000;  // Put Block List, "Remarks"
}

question azure_bucket::about(const char* doing, const std::string& key) const {
  return {doing, traits_.url_root + key};
}

task<> azure_bucket::warm_up() {
  auto job = [] { prepare_crypto(); };
  co_await runtime_.offload(job);
  co_await authority_->warm_up();
  co_await client_->warm_up(address_.origin());
}

task<azure_bucket::authorisation> azure_bucket::authorise(http::request& r) {
  authorisation with;
  with.clock_offset = clock_offset_;
  const auto now = std::chrono::system_clock::now() + with.clock_offset;
  with.token = co_await authority_->authorize(r, now);
  co_return with;
}

task<azure_bucket::authorised_reply>
azure_bucket::exchange(http::request r, http::exchange_options how) {
  authorised_reply answer;
  answer.with = co_await authorise(r);
  http::reply& as_received = answer;
  as_received = co_await client_->perform(address_.origin(), std::move(r), how);
  if (answer.status != 401) authority_->accepted(answer.with.token);
  co_return answer;
}

task<std::string> azure_bucket::md5_of(const http::body_pieces& body) {
  auto job = [&body] { return to_base64(md5(body)); };
  co_return co_await runtime_.offload(job);
}

// Of requests that are refused together the first one mends, and all are sent again: only a request
// that was authorised with what is now thought right has been refused for good.
request_failure azure_bucket::mend(const azure_verdict& v, const authorisation& refused) {
  if (v.meaning == azure_meaning::stale_token && authority_->renew(refused.token))
    return v.mended();
  if (v.meaning == azure_meaning::unauthenticated && authority_->depends_on_clock()) {
    const auto offset = client_->clock_offset(address_.origin());
    if (offset && std::chrono::abs(*offset - refused.clock_offset) > least_clock_error) {
      clock_offset_ = *offset;
      return v.mended();
    }
  }
  return v.failure;
}

task<outcome> azure_bucket::put(
    std::string key,
    object_description description,
    http::body_pieces body,
    put_condition condition) {
  const question q = about(storing, key);
  const bool create_only = condition == put_condition::create_only;
  const std::string sum = co_await md5_of(body);
  http::exchange_options how;
  how.expect_continue = true;
  http::request r = requests_.put(key, description, std::move(body), create_only, sum);
  const authorised_reply answer = co_await exchange(std::move(r), how);
  if (is_success(answer)) {
    require_etag(azure_answers, q, answer);
    co_return outcome::stored;
  }
  const azure_verdict v = judge_azure(q, answer, answer.body);
  const bool forbidden =
      v.meaning == azure_meaning::exists || v.meaning == azure_meaning::other_blob;
  if (create_only && forbidden) co_return outcome::exists;
  throw mend(v, answer.with);
}

task<upload>
azure_bucket::begin(std::string key, object_description description, put_condition condition) {
  upload begun;
  begun.key = std::move(key);
  begun.id = description.token;
  begun.description = std::move(description);
  begun.condition = condition;
  co_return begun;
}

task<uploaded_part>
azure_bucket::put_part(const upload& to, std::uint32_t number, http::body_pieces body) {
  const question q = about("could not store a part of an object", to.key);
  uploaded_part part;
  part.number = number;
  part.size = http::size_of(body);
  part.tag = azure_block_id(to.id, number);
  part.checksum = co_await md5_of(body);
  http::exchange_options how;
  how.expect_continue = true;
  http::request r = requests_.block(to.key, part.tag, std::move(body), part.checksum);
  const authorised_reply answer = co_await exchange(std::move(r), how);
  if (!is_success(answer)) throw mend(judge_azure(q, answer, answer.body), answer.with);
  co_return part;
}

// Who commits a blob drops the blocks of all others for it. So a list that is refused may mean that
// another writer was first.
task<outcome> azure_bucket::complete(const upload& what, const std::vector<uploaded_part>& parts) {
  const question q = about("could not finish to store an object", what.key);
  const std::string body = compose_block_list(parts);
  const bool create_only = what.condition == put_condition::create_only;
  http::request r = requests_.commit(what, body, create_only);
  const authorised_reply answer = co_await exchange(std::move(r));
  if (is_success(answer)) {
    require_etag(azure_answers, q, answer);
    co_return outcome::stored;
  }
  const azure_verdict v = judge_azure(q, answer, answer.body);
  const bool forbidden =
      v.meaning == azure_meaning::exists || v.meaning == azure_meaning::other_blob;
  if (create_only && forbidden) co_return outcome::exists;
  if (create_only && v.meaning == azure_meaning::no_such_blocks) {
    const std::optional<object_facts> there = co_await head(what.key);
    if (there) co_return outcome::exists;
  }
  throw mend(v, answer.with);
}

task<> azure_bucket::abort(const upload&) {
  co_return;
}

task<std::vector<unfinished_upload>> azure_bucket::unfinished(std::string) {
  co_return std::vector<unfinished_upload>();
}

task<std::optional<object_facts>> azure_bucket::head(std::string key) {
  const question q = about("could not look at an object", key);
  http::request r = requests_.head(key);
  const authorised_reply answer = co_await exchange(std::move(r));
  if (is_success(answer)) co_return facts_of_whole(azure_answers, q, answer);
  const azure_verdict v = judge_azure(q, answer, answer.body);
  if (v.meaning == azure_meaning::absent) co_return std::nullopt;
  throw mend(v, answer.with);
}

task<std::optional<opened_object>> azure_bucket::get(
    std::string key, std::uint64_t offset, std::string etag, io::block_budget& budget) {
  const question q = about(reading, key);
  http::request r = requests_.get(key, offset, etag);
  const authorisation with = co_await authorise(r);
  http::streamed_reply answer = co_await client_->open(address_.origin(), std::move(r), budget);
  if (answer.status != 401) authority_->accepted(with.token);
  if (answer.body) {
    std::function<object_facts(const http::streamed_reply&)> facts = [&](const auto& head) {
      return facts_of_rest(azure_answers, q, head, head.length, offset);
    };
    opened_object found = co_await opened(std::move(answer), std::move(facts));
    co_return std::optional<opened_object>(std::move(found));
  }
  const azure_verdict v = judge_azure(q, answer, answer.error_body);
  if (v.meaning == azure_meaning::absent) co_return std::nullopt;
  if (v.meaning == azure_meaning::other_blob) throw replaced_while_read(q);
  throw mend(v, with);
}

// The service goes on at a marker of its own, which may lead to empty pages. After a name that no
// page of ours ended with, it is begun anew, and what comes before is left out.
task<list_page> azure_bucket::list(std::string key_prefix, std::string after) {
  const question q = about(listing, key_prefix);
  const auto known = markers_.find({key_prefix, after});
  std::string marker;
  if (known != markers_.end()) marker = known->second;
  list_page page;
  do {
    http::request r = requests_.list(key_prefix, marker);
    const authorised_reply answer = co_await exchange(std::move(r));
    if (!is_success(answer)) throw mend(judge_azure(q, answer, answer.body), answer.with);
    azure_listing found = parse_azure_listing(answer.body);
    if (!found.next_marker.empty() && found.next_marker == marker)
      throw failure(
          kind::unavailable,
          q.doing,
          q.url + ": the server repeats a page.",
          "Is this an Azure Blob service, and is there a proxy in between that changes answers?");
    marker = std::move(found.next_marker);
    for (object_info& o : found.objects)
      if (after.empty() || o.key.name > after) page.objects.push_back(std::move(o));
  } while (page.objects.empty() && !marker.empty());
  page.more = !marker.empty();
  if (page.more) markers_[{key_prefix, page.objects.back().key.name}] = std::move(marker);
  co_return page;
}

task<std::optional<failed_removal>> azure_bucket::remove_one(std::string key) {
  const question q = about(removing, key);
  http::request r = requests_.remove(key);
  const authorised_reply answer = co_await exchange(std::move(r));
  if (is_success(answer)) co_return std::nullopt;
  const azure_verdict v = judge_azure(q, answer, answer.body);
  if (v.meaning == azure_meaning::absent) co_return std::nullopt;
  // No condition was sent: a 412 speaks of a lease.
  const bool its_own = v.meaning == azure_meaning::exists ||
                       v.meaning == azure_meaning::other_blob ||
                       v.meaning == azure_meaning::of_this_blob;
  if (!its_own) throw mend(v, answer.with);
  failed_removal refused;
  refused.key = std::move(key);
  refused.code = v.error.code;
  refused.message = v.failure.text().hint;
  co_return std::optional<failed_removal>(std::move(refused));
}

task<std::vector<failed_removal>> azure_bucket::remove(std::vector<std::string> keys) {
  std::vector<failed_removal> refused;
  for (std::string& key : keys) {
    std::optional<failed_removal> one = co_await remove_one(std::move(key));
    if (one) refused.push_back(std::move(*one));
  }
  co_return refused;
}

task<> azure_bucket::close() {
  co_await client_->close();
}

} // namespace wale::store
