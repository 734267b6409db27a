// Orchestration only: requests are made in s3_requests, signed in sigv4, answers read in s3_xml and
// judged in s3_errors.
#include "s3_bucket.hpp"

#include "opening.hpp"
#include "s3_xml.hpp"

#include <wale/base/base64.hpp>
#include <wale/base/digest.hpp>
#include <wale/base/log.hpp>

#include <utility>

namespace wale::store {
namespace {

bool is_success(const http::response& r) {
  return r.status >= 200 && r.status < 300;
}

bool names_an_error(const http::reply& r) {
  return !is_success(r) || parse_error(r.body).has_value();
}

// A server that says "there is more" must also say something new.
void require_progress(const question& q, const s3_uploads& before, const s3_uploads& now) {
  if (!now.truncated) return;
  const bool is_new =
      now.next_key_marker != before.next_key_marker || now.next_id_marker != before.next_id_marker;
  if (now.uploads.empty() || !is_new) throw unreadable(s3_answers, q, "repeats a page");
}

const char* const storing = "could not store an object";
const char* const reading = "could not read an object";
const char* const listing = "could not list objects";
const char* const removing = "could not remove objects";

} // namespace

s3_bucket::s3_bucket(
    io::runtime& rt,
    std::unique_ptr<http::client> client,
    std::unique_ptr<credential_source> credentials,
    std::string name,
    s3_address address,
    s3_options options)
    : runtime_(rt), client_(std::move(client)), credentials_(std::move(credentials)),
      address_(std::move(address)), options_(std::move(options)), requests_(address_, options_),
      signer_(sigv4_scope{address_.region()}),
      no_conditions_("conditional writes " + address_.origin().text()) {
  traits_.kind_name = "s3";
  traits_.url_root = "s3://" + std::move(name) + "/";
  traits_.server = address_.origin().text();
  traits_.signs_payload = options_.sign_payload;
}

question s3_bucket::about(const char* doing, const std::string& key) const {
  return {doing, traits_.url_root + key};
}

task<> s3_bucket::warm_up() {
  co_await credentials_->get();
  co_await client_->warm_up(address_.origin());
}

task<s3_bucket::signing> s3_bucket::sign(http::request& r, std::string_view payload_hash) {
  const aws_credentials with = co_await credentials_->get();
  const auto now = std::chrono::system_clock::now() + clock_offset_;
  signer_.sign(r, address_.origin(), with, now, payload_hash);
  co_return signing{signer_.scope().region, clock_offset_};
}

task<s3_bucket::signed_reply>
s3_bucket::exchange(http::request r, std::string payload_hash, http::exchange_options how) {
  signed_reply answer;
  answer.with = co_await sign(r, payload_hash);
  http::reply& as_received = answer;
  as_received = co_await client_->perform(address_.origin(), std::move(r), how);
  co_return answer;
}

// A request with a small body or none.
task<s3_bucket::signed_reply> s3_bucket::send(http::request r) {
  std::string hash = payload_hash(r.body);
  http::exchange_options how;
  co_return co_await exchange(std::move(r), std::move(hash), how);
}

task<std::string> s3_bucket::hash_of(const http::body_pieces& body) {
  if (!options_.sign_payload) co_return std::string(unsigned_payload);
  auto job = [&body] { return payload_hash(body); };
  co_return co_await runtime_.offload(job);
}

std::string s3_bucket::checksum_of(const std::string& payload_hash) const {
  if (!options_.send_checksum) return {};
  const auto digest = sha256_from_hex(payload_hash);
  if (!digest) return {};
  return to_base64(*digest);
}

// Of requests that are refused together the first one mends, and all are sent again: only a request
// that was signed with what is now thought right has been refused for good.
request_failure s3_bucket::mend(const s3_verdict& v, const signing& refused) {
  switch (v.meaning) {
  case s3_meaning::wrong_clock: {
    const auto offset = client_->clock_offset(address_.origin());
    if (!offset || *offset == refused.clock_offset) return v.unmended();
    clock_offset_ = *offset;
    return v.failure;
  }
  case s3_meaning::stale_token:
    return credentials_->forget() ? v.failure : v.unmended();
  case s3_meaning::other_region:
    if (v.region == refused.region) return v.unmended();
    if (v.region == signer_.scope().region) return v.failure;
    address_ = address_.in_region(v.region);
    signer_ = sigv4_signer(sigv4_scope{v.region});
    return v.failure;
  default:
    return v.failure;
  }
}

bool s3_bucket::can_forbid() const {
  return options_.conditional_writes && !cannot_forbid_ && !no_conditions_.is_fresh();
}

void s3_bucket::note_cannot_forbid() {
  cannot_forbid_ = true;
  no_conditions_.write();
  log::warning(
      "wal_e.blobstore.s3.s3_util",
      {"this S3 server cannot forbid the overwriting of objects",
       address_.origin().text() + " refuses If-None-Match.",
       "wal-e asks before each write whether the object is there, which two writers at the same "
       "moment can slip through. Give each cluster a prefix of its own. (Said once a day.)"});
}

task<put_result::outcome> s3_bucket::put(
    std::string key,
    object_description description,
    http::body_pieces body,
    put_condition condition) {
  using outcome = put_result::outcome;
  const question q = about(storing, key);
  const bool create_only = condition == put_condition::create_only;
  std::string hash;
  if (description.payload_digest)
    hash = to_hex(*description.payload_digest);
  else
    hash = co_await hash_of(body);
  http::exchange_options how;
  how.expect_continue = true;
  bool was_unsupported = false;
  while (true) {
    const bool forbids = create_only && !was_unsupported && can_forbid();
    if (create_only && !forbids) {
      const std::optional<object_facts> there = co_await head(key);
      if (there) co_return outcome::exists;
    }
    http::request r = requests_.put(key, description, body, forbids, checksum_of(hash));
    const signed_reply answer = co_await exchange(std::move(r), hash, how);
    if (!names_an_error(answer)) {
      require_etag(s3_answers, q, answer);
      if (was_unsupported) note_cannot_forbid();
      co_return outcome::stored;
    }
    const s3_verdict v = judge_s3(q, answer, answer.body);
    if (forbids && v.meaning == s3_meaning::exists) co_return outcome::exists;
    if (!forbids || v.meaning != s3_meaning::unsupported) throw mend(v, answer.with);
    was_unsupported = true; // this, or the encryption, or the storage class
  }
}

task<upload>
s3_bucket::begin(std::string key, object_description description, put_condition condition) {
  const question q = about("could not begin to store an object", key);
  http::request r = requests_.begin(key, description);
  const signed_reply answer = co_await send(std::move(r));
  if (names_an_error(answer)) throw mend(judge_s3(q, answer, answer.body), answer.with);
  upload begun;
  begun.id = parse_upload_id(answer.body);
  begun.key = std::move(key);
  begun.description = std::move(description);
  begun.condition = condition;
  co_return begun;
}

task<uploaded_part>
s3_bucket::put_part(const upload& to, std::uint32_t number, http::body_pieces body) {
  const question q = about("could not store a part of an object", to.key);
  const std::string hash = co_await hash_of(body);
  uploaded_part part;
  part.number = number;
  part.size = http::size_of(body);
  part.checksum = checksum_of(hash);
  http::exchange_options how;
  how.expect_continue = true;
  http::request r = requests_.part(to, number, std::move(body), part.checksum);
  const signed_reply answer = co_await exchange(std::move(r), hash, how);
  if (names_an_error(answer)) throw mend(judge_s3(q, answer, answer.body), answer.with);
  part.tag = require_etag(s3_answers, q, answer);
  co_return part;
}

task<put_result::outcome>
s3_bucket::complete(const upload& what, const std::vector<uploaded_part>& parts) {
  using outcome = put_result::outcome;
  const question q = about("could not finish to store an object", what.key);
  const std::string body = compose_completion(parts);
  const bool create_only = what.condition == put_condition::create_only;
  bool was_unsupported = false;
  while (true) {
    const bool forbids = create_only && !was_unsupported && can_forbid();
    if (create_only && !forbids) {
      const std::optional<object_facts> there = co_await head(what.key);
      if (there) co_return outcome::exists;
    }
    http::request r = requests_.complete(what, body, forbids);
    const signed_reply answer = co_await send(std::move(r));
    std::optional<s3_error> error;
    if (is_success(answer)) {
      error = parse_completion(answer.body).error;
      if (!error && was_unsupported) note_cannot_forbid();
      if (!error) co_return outcome::stored;
    }
    const s3_verdict v = error ? judge_inner(q, answer, *error) : judge_s3(q, answer, answer.body);
    if (forbids && v.meaning == s3_meaning::exists) co_return outcome::exists;
    if (!forbids || v.meaning != s3_meaning::unsupported) throw mend(v, answer.with);
    was_unsupported = true;
  }
}

task<> s3_bucket::abort(const upload& what) {
  const question q = about("could not abort the storing of an object", what.key);
  http::request r = requests_.abort(what);
  const signed_reply answer = co_await send(std::move(r));
  if (is_success(answer)) co_return;
  const s3_verdict v = judge_s3(q, answer, answer.body);
  if (v.meaning != s3_meaning::no_such_upload) throw mend(v, answer.with);
}

task<std::vector<unfinished_upload>> s3_bucket::unfinished(std::string key_prefix) {
  const question q = about("could not list unfinished uploads", key_prefix);
  std::vector<unfinished_upload> found;
  s3_uploads page;
  do {
    http::request r = requests_.uploads(key_prefix, page.next_key_marker, page.next_id_marker);
    const signed_reply answer = co_await send(std::move(r));
    if (names_an_error(answer)) throw mend(judge_s3(q, answer, answer.body), answer.with);
    s3_uploads next = parse_uploads(answer.body);
    require_progress(q, page, next);
    page = std::move(next);
    for (unfinished_upload& u : page.uploads)
      found.push_back(std::move(u));
  } while (page.truncated);
  co_return found;
}

// A 403 for another reason than lacking rights (wrong clock, unknown key, archived object, a
// proxy's) says nothing about the object, whatever the operator allows.
bool s3_bucket::proves_absence(const http::response& head, const s3_verdict& v) const {
  if (v.meaning == s3_meaning::absent) return true;
  return options_.forbidden_is_absent && head.status == 403 && v.error.code == "AccessDenied";
}

// Answers to HEAD have no body: a GET of one byte tells why. It may find the object, if it was
// stored meanwhile.
task<bool> s3_bucket::is_absent(std::string key, question q) {
  http::request r = requests_.get(key, "bytes=0-0", "");
  const signed_reply answer = co_await send(std::move(r));
  if (is_success(answer) || answer.status == 416) co_return false;
  const s3_verdict v = judge_s3(q, answer, answer.body);
  if (proves_absence(answer, v)) co_return true;
  throw mend(v, answer.with);
}

task<std::optional<object_facts>> s3_bucket::head(std::string key) {
  const question q = about("could not look at an object", key);
  http::request r = requests_.head(key);
  const signed_reply answer = co_await send(std::move(r));
  if (is_success(answer)) co_return facts_of_whole(s3_answers, q, answer);
  const bool absent = co_await is_absent(key, q);
  if (absent) co_return std::nullopt;
  const failure appeared(
      kind::unavailable, q.doing, q.url + " was not there at first, and then it was.");
  throw request_failure(appeared, request_failure::repeat::at_once);
}

task<std::optional<opened_object>>
s3_bucket::get(std::string key, std::uint64_t offset, std::string etag, io::block_budget& budget) {
  const question q = about(reading, key);
  const std::string range = offset == 0 ? "" : "bytes=" + std::to_string(offset) + "-";
  http::request r = requests_.get(key, range, etag);
  const signing with = co_await sign(r, sha256_of_nothing);
  http::streamed_reply answer = co_await client_->open(address_.origin(), std::move(r), budget);
  if (answer.body) {
    std::function<object_facts(const http::streamed_reply&)> facts = [&](const auto& head) {
      return facts_of_rest(s3_answers, q, head, head.length, offset);
    };
    opened_object found = co_await opened(std::move(answer), std::move(facts));
    co_return std::optional<opened_object>(std::move(found));
  }
  const s3_verdict v = judge_s3(q, answer, answer.error_body);
  if (proves_absence(answer, v)) co_return std::nullopt;
  if (v.meaning == s3_meaning::exists) throw replaced_while_read(q);
  throw mend(v, with);
}

task<list_page> s3_bucket::list(std::string key_prefix, std::string after) {
  const question q = about(listing, key_prefix);
  http::request r = requests_.list(key_prefix, after);
  const signed_reply answer = co_await send(std::move(r));
  if (names_an_error(answer)) throw mend(judge_s3(q, answer, answer.body), answer.with);
  s3_listing found = parse_listing(answer.body);
  list_page page;
  page.objects = std::move(found.objects);
  page.more = found.truncated;
  co_return page;
}

task<std::vector<failed_removal>> s3_bucket::remove(std::vector<std::string> keys) {
  const question q = about(removing, keys.front());
  const std::string body = compose_removal(keys);
  http::request r = requests_.remove(body);
  const signed_reply answer = co_await send(std::move(r));
  if (names_an_error(answer)) throw mend(judge_s3(q, answer, answer.body), answer.with);
  co_return parse_removals(answer.body);
}

task<> s3_bucket::close() {
  co_await client_->close();
}

} // namespace wale::store
