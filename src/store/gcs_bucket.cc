// Orchestration only: requests are made in gcs_requests, uploads planned in gcs_session, answers
// read in gcs_facts and judged in gcs_errors.
#include "gcs_bucket.hpp"

#include "gcs_facts.hpp"
#include "opening.hpp"

#include <wale/base/crc32c.hpp>
#include <wale/base/digest.hpp>
#include <wale/base/log.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace wale::store {
namespace {

using outcome = put_result::outcome;
using repeat = request_failure::repeat;

const char* const storing = "could not store an object";
const char* const reading = "could not read an object";
const char* const listing = "could not list objects";
const char* const removing = "could not remove an object";

bool is_success(const http::response& r) {
  return r.status >= 200 && r.status < 300;
}

std::uint32_t sum_of(const http::body_pieces& pieces, std::uint32_t before) {
  for (const auto& piece : pieces)
    before = crc32c(piece, before);
  return before;
}

bool is_whole(const object_facts& stored, std::uint64_t size, std::uint32_t sum) {
  return stored.size == size && (!stored.crc32c || *stored.crc32c == sum);
}

request_failure damaged(const question& q, repeat when) {
  failure f(
      kind::unavailable,
      q.doing,
      q.url + ": size or CRC-32C of what the server stored are not those of what was sent.",
      "Run it again; look for a faulty proxy, network card or memory.");
  return request_failure(std::move(f), when);
}

request_failure broken_off(const question& q, const char* what, repeat when) {
  failure f(kind::unavailable, q.doing, q.url + ": " + what, "Run it again.");
  return request_failure(std::move(f), when, when == repeat::never ? "NoSuchUpload" : "");
}

// It was stored meanwhile.
request_failure appeared(const question& q) {
  failure f(kind::unavailable, q.doing, q.url + " was not there at first, and then it was.");
  return request_failure(std::move(f), repeat::at_once);
}

} // namespace

gcs_bucket::gcs_bucket(
    io::runtime& rt,
    std::unique_ptr<http::client> client,
    std::unique_ptr<google_token_source> tokens,
    std::string name,
    gcs_address address,
    bool forbidden_is_absent)
    : runtime_(rt), client_(std::move(client)), tokens_(std::move(tokens)),
      address_(std::move(address)), requests_(address_), forbidden_is_absent_(forbidden_is_absent) {
  traits_.kind_name = "gs";
  traits_.url_root = "gs://" + std::move(name) + "/";
  traits_.server = address_.origin().text();
  traits_.removals_at_once = 1;
  traits_.parts_at_once = 1;
  traits_.most_parts = 800'000; // 5 TiB, the largest object ("Quotas & limits")
}

// Names begin with a slash, which WAL-E does not show.
question gcs_bucket::about(const char* doing, const std::string& key) const {
  return {doing, traits_.url_root + key.substr(key.starts_with('/') ? 1 : 0)};
}

task<> gcs_bucket::warm_up() {
  auto job = [] { prepare_crypto(); };
  co_await runtime_.offload(job);
  if (tokens_) co_await tokens_->get();
  co_await client_->warm_up(address_.origin());
}

task<std::uint64_t> gcs_bucket::authorise(http::request& r) {
  if (!tokens_) co_return 0;
  const google_token with = co_await tokens_->get();
  r.headers.add("Authorization", "Bearer " + with.text.reveal());
  co_return with.round;
}

task<http::reply> gcs_bucket::exchange(question q, http::request r) {
  const std::uint64_t round = co_await authorise(r);
  http::exchange_options how;
  http::reply answer = co_await client_->perform(address_.origin(), std::move(r), how);
  if (answer.status == 401) throw refused(q, answer, answer.body, round);
  accepted(round);
  co_return answer;
}

// A token that was fetched after one had been refused, and is refused too, will not be the last.
request_failure gcs_bucket::refused(
    const question& q, const http::response& head, std::string_view body, std::uint64_t round) {
  const gcs_verdict v = judge_gcs(q, head, body);
  if (!tokens_ || (refused_round_ && round > *refused_round_)) return v.unmended();
  refused_round_ = std::max(refused_round_.value_or(0), round);
  tokens_->forget(round);
  return v.failure;
}

void gcs_bucket::accepted(std::uint64_t round) {
  if (refused_round_ && round > *refused_round_) refused_round_.reset();
}

task<outcome> gcs_bucket::put(
    std::string key,
    object_description description,
    http::body_pieces body,
    put_condition condition) {
  const question q = about(storing, key);
  const bool create_only = condition == put_condition::create_only;
  auto job = [&body] { return sum_of(body, 0); };
  const std::uint32_t sum = co_await runtime_.offload(job);
  const gcs_envelope around = compose_envelope(description, sum);
  http::request r = requests_.put(key, around, body, create_only);
  const http::reply answer = co_await exchange(q, std::move(r));
  if (create_only && answer.status == 412) co_return outcome::exists;
  if (!is_success(answer)) throw judge_gcs(q, answer, answer.body).failure;
  const object_facts stored = parse_object(q, answer.body);
  if (is_whole(stored, http::size_of(body), sum)) co_return outcome::stored;
  const bool gone = co_await discard(key, stored.etag);
  // A repetition would meet what stays, and know it by its token.
  throw damaged(q, gone ? repeat::later : repeat::never);
}

// Ours, and nobody may take it for good.
task<bool> gcs_bucket::discard(std::string key, std::string generation) {
  const question q = about(removing, key);
  std::string trouble;
  try {
    http::request r = requests_.remove(key, generation);
    const http::reply answer = co_await exchange(q, std::move(r));
    if (!is_success(answer)) trouble = judge_gcs(q, answer, answer.body).failure.text().detail;
  } catch (const failure& f) {
    if (f.why() == kind::interrupted) throw;
    trouble = f.text().detail;
  }
  if (!trouble.empty())
    log::warning(
        "wal_e.blobstore.gs",
        {"a damaged object could not be removed", trouble, "Remove \"" + q.url + "\"."});
  co_return trouble.empty();
}

gcs_session& gcs_bucket::session_of(const upload& u) {
  const auto found = sessions_.find(u.id);
  if (found == sessions_.end()) throw failure(kind::bug, "an upload that never began", u.key);
  return found->second;
}

task<upload>
gcs_bucket::begin(std::string key, object_description description, put_condition condition) {
  const question q = about("could not begin to store an object", key);
  const bool create_only = condition == put_condition::create_only;
  const std::string document = compose_description(description);
  http::request r = requests_.begin(key, document, create_only);
  const http::reply answer = co_await exchange(q, std::move(r));
  const bool forbidden = create_only && answer.status == 412;
  if (!forbidden && !is_success(answer)) throw judge_gcs(q, answer, answer.body).failure;
  upload begun;
  begun.id = std::to_string(++next_session_);
  begun.key = std::move(key);
  begun.description = std::move(description);
  begun.condition = condition;
  gcs_session s = gcs_session::forbidden();
  if (!forbidden) s = gcs_session(session_target(q, answer));
  sessions_.emplace(begun.id, std::move(s));
  co_return begun;
}

task<uploaded_part>
gcs_bucket::put_part(const upload& to, std::uint32_t number, http::body_pieces body) {
  const question q = about("could not store a part of an object", to.key);
  gcs_session& s = session_of(to);
  uploaded_part part;
  part.number = number;
  part.size = http::size_of(body);
  const std::uint32_t before = s.sum_before(number);
  auto job = [&body, before] { return sum_of(body, before); };
  const std::uint32_t sum = co_await runtime_.offload(job);
  s.begin_part(number, part.size, sum);
  co_await advance(to, s, q, body);
  co_return part;
}

task<outcome> gcs_bucket::complete(const upload& what, const std::vector<uploaded_part>& parts) {
  const question q = about("could not finish to store an object", what.key);
  gcs_session& s = session_of(what);
  if (s.now() != gcs_session::state::forbidden && parts.size() != s.parts())
    throw failure(kind::bug, "an upload was completed without all of its parts", what.key);
  s.end();
  const http::body_pieces nothing;
  co_await advance(what, s, q, nothing);
  const outcome how = s.now() == gcs_session::state::finished ? outcome::stored : outcome::exists;
  if (how == outcome::stored) sessions_.erase(what.id);
  co_return how;
}

// Until the server has the present part, or the object. It may take less than was sent, and says
// how much.
task<> gcs_bucket::advance(upload to, gcs_session& s, question q, const http::body_pieces& body) {
  bool asks = s.is_unsure();
  while (s.now() == gcs_session::state::open && !s.has_part()) {
    const std::uint64_t before = s.first();
    http::request r = requests_.ask(s.target());
    if (!asks) {
      http::body_pieces rest = without_front(body, s.skip());
      r = requests_.chunk(s.target(), before, std::move(rest), s.total(), s.sum());
    }
    s.sent();
    http::reply answer = co_await exchange(q, std::move(r));
    co_await take(to, s, q, std::move(answer));
    const bool stands = s.now() == gcs_session::state::open && s.first() == before;
    if (!asks && stands) throw broken_off(q, "the server takes no more bytes.", repeat::later);
    asks = false;
  }
}

task<> gcs_bucket::take(upload to, gcs_session& s, question q, http::reply answer) {
  if (answer.status == 308) { // "Resume Incomplete"
    const bool possible = s.holds(held_bytes(q, answer));
    if (!possible) throw broken_off(q, "the server lost what it had acknowledged.", repeat::never);
    co_return;
  }
  if (answer.status == 404 || answer.status == 410) {
    co_await settle_lost_session(std::move(to), s, std::move(q));
    co_return;
  }
  if (answer.status == 412 && to.condition == put_condition::create_only) {
    s.finish(gcs_session::state::forbidden);
    co_return;
  }
  if (!is_success(answer)) throw judge_gcs(q, answer, answer.body).failure;
  object_facts stored = parse_object(q, answer.body);
  co_await finish(std::move(to), s, std::move(q), std::move(stored));
}

// The session may be gone because its last answer was lost: then the object is ours.
task<> gcs_bucket::settle_lost_session(upload to, gcs_session& s, question q) {
  std::optional<object_facts> there;
  if (s.total()) there = co_await head(to.key);
  const bool ours = there && there->token == to.description.token;
  if (there && !ours && to.condition == put_condition::create_only) {
    s.finish(gcs_session::state::forbidden);
    co_return;
  }
  if (!ours) throw broken_off(q, "the server does not know the upload any more.", repeat::never);
  co_await finish(std::move(to), s, std::move(q), std::move(*there));
}

task<> gcs_bucket::finish(upload to, gcs_session& s, question q, object_facts stored) {
  const bool good = s.total() && is_whole(stored, s.bytes(), s.sum());
  s.finish(gcs_session::state::finished);
  if (good) co_return;
  co_await discard(to.key, stored.etag);
  sessions_.erase(to.id);
  throw damaged(q, repeat::never);
}

task<> gcs_bucket::abort(const upload& what) {
  const question q = about("could not abort the storing of an object", what.key);
  const auto found = sessions_.find(what.id);
  if (found == sessions_.end()) co_return;
  if (found->second.now() != gcs_session::state::open) {
    sessions_.erase(found);
    co_return;
  }
  http::request r = requests_.cancel(found->second.target());
  const http::reply answer = co_await exchange(q, std::move(r));
  // "499 Client Closed Request" is the success ("Cancel an upload").
  const bool gone = answer.status == 404 || answer.status == 410 || answer.status == 499;
  if (!gone && !is_success(answer)) throw judge_gcs(q, answer, answer.body).failure;
  sessions_.erase(what.id);
}

task<std::vector<unfinished_upload>> gcs_bucket::unfinished(std::string) {
  co_return std::vector<unfinished_upload>();
}

task<bool> gcs_bucket::is_absent(question q, std::string key) {
  http::request r = requests_.look_up(key);
  const http::reply answer = co_await exchange(q, std::move(r));
  if (!is_success(answer)) throw judge_gcs(q, answer, answer.body).failure;
  const gcs_listing found = parse_gcs_listing(q, answer.body);
  co_return found.objects.empty() || found.objects.front().key.name != key;
}

task<std::optional<object_facts>> gcs_bucket::head(std::string key) {
  const question q = about("could not look at an object", key);
  http::request r = requests_.head(key);
  const http::reply answer = co_await exchange(q, std::move(r));
  if (is_success(answer)) co_return parse_object(q, answer.body);
  const gcs_verdict v = judge_gcs(q, answer, answer.body);
  // Other reasons (no billing, too many requests) say nothing about the object.
  const bool lacks_rights = answer.status == 403 && v.failure.code() == "forbidden";
  if (lacks_rights && forbidden_is_absent_) co_return std::nullopt;
  if (answer.status != 404) throw v.failure;
  const bool absent = co_await is_absent(q, key);
  if (absent) co_return std::nullopt;
  throw appeared(q);
}

task<std::optional<opened_object>>
gcs_bucket::get(std::string key, std::uint64_t offset, std::string etag, io::block_budget& budget) {
  const question q = about(reading, key);
  http::request r = requests_.get(key, offset, etag);
  const std::uint64_t round = co_await authorise(r);
  http::streamed_reply answer = co_await client_->open(address_.origin(), std::move(r), budget);
  if (answer.body) {
    std::function<object_facts(const http::streamed_reply&)> facts = [&](const auto& head) {
      accepted(round);
      return facts_of_media(q, head, head.length, offset);
    };
    opened_object found = co_await opened(std::move(answer), std::move(facts));
    co_return std::optional<opened_object>(std::move(found));
  }
  if (answer.status == 401) throw refused(q, answer, answer.error_body, round);
  if (answer.status == 403 && forbidden_is_absent_) {
    // An error of a download is plain text on Google's server; that of the metadata has a reason.
    const std::optional<object_facts> there = co_await head(key);
    if (!there) co_return std::nullopt;
  }
  if (answer.status != 404) throw judge_gcs(q, answer, answer.error_body).failure;
  const bool absent = co_await is_absent(q, key);
  if (absent) co_return std::nullopt;
  if (etag.empty()) throw appeared(q);
  throw replaced_while_read(q);
}

// startOffset is inclusive; and a page may be empty although there are more.
task<list_page> gcs_bucket::list(std::string key_prefix, std::string after) {
  const question q = about(listing, key_prefix);
  list_page page;
  std::string token;
  do {
    http::request r = requests_.list(key_prefix, after, token);
    const http::reply answer = co_await exchange(q, std::move(r));
    if (!is_success(answer)) throw judge_gcs(q, answer, answer.body).failure;
    gcs_listing found = parse_gcs_listing(q, answer.body);
    if (!token.empty() && found.next_page == token) throw unreadable(q, "repeats a page");
    token = std::move(found.next_page);
    for (object_info& o : found.objects)
      if (o.key.name != after) page.objects.push_back(std::move(o));
  } while (page.objects.empty() && !token.empty());
  page.more = !token.empty();
  co_return page;
}

task<std::vector<failed_removal>> gcs_bucket::remove(std::vector<std::string> keys) {
  std::vector<failed_removal> refused;
  for (const std::string& key : keys) {
    const question q = about(removing, key);
    http::request r = requests_.remove(key, "");
    const http::reply answer = co_await exchange(q, std::move(r));
    if (is_success(answer)) continue;
    const gcs_verdict v = judge_gcs(q, answer, answer.body);
    if (v.meaning == gcs_meaning::retained) {
      refused.push_back({key, v.failure.code(), parse_gcs_error(answer.body).message});
      continue;
    }
    if (answer.status != 404) throw v.failure;
    const bool absent = co_await is_absent(q, key);
    if (!absent) throw appeared(q);
  }
  co_return refused;
}

task<> gcs_bucket::close() {
  co_await client_->close();
}

} // namespace wale::store
