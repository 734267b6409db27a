// Orchestration only: requests are made in swift_requests, answers read in swift_json and
// object_answer and judged in swift_errors.
#include "swift_bucket.hpp"

#include "opening.hpp"
#include "swift_etag.hpp"
#include "swift_json.hpp"
#include "swift_leftovers.hpp"
#include "swift_removing.hpp"

#include <wale/base/digest.hpp>
#include <wale/base/log.hpp>

#include <algorithm>
#include <utility>

namespace wale::store {
namespace {

using outcome = put_result::outcome;

const char* const storing = "could not store an object";
const char* const listing = "could not list objects";

bool is_success(const http::response& r) {
  return r.status >= 200 && r.status < 300;
}

} // namespace

swift_bucket::swift_bucket(std::unique_ptr<swift_account> account, swift_location where)
    : account_(std::move(account)), container_(std::move(where.container)),
      segments_(std::move(where.root)), requests_(container_) {
  traits_.kind_name = "swift";
  traits_.url_root = "swift://" + container_ + "/";
  traits_.server = account_->login().origin.text();
  // Each may have a hundred segments, which go within the same budget.
  traits_.removals_at_once = 100;
  // What a Swift takes in a manifest unless it is set otherwise (max_manifest_segments).
  traits_.most_parts = 1000;
}

question swift_bucket::about(const char* doing, const std::string& key) const {
  return {doing, "swift://" + container_ + key}; // which begins with a slash
}

task<> swift_bucket::warm_up() {
  co_await account_->warm_up();
}

task<std::string> swift_bucket::md5_of(const http::body_pieces& body) {
  auto job = [&body] { return to_hex(md5(body)); };
  co_return co_await account_->runtime().offload(job);
}

// Swift says 404 of objects that are not there and of all in a container that is not there.
task<> swift_bucket::require_container(question q) {
  http::request r = requests_.head_container();
  const http::reply answer = co_await account_->send(std::move(r));
  if (is_success(answer)) co_return;
  const swift_verdict v = judge_swift(q, answer);
  if (v.meaning == swift_meaning::not_there) throw missing_container(q, container_);
  throw account_->mend(v);
}

// The condition is checked by each replica for itself, so of two writers at the same moment both
// may be told that they won: what all replicas agree on in the end decides.
task<outcome> swift_bucket::read_back(std::string key, std::string token) {
  const std::optional<object_facts> there = co_await head(key);
  if (!there)
    throw unreadable(
        swift_answers, about(storing, key), "said that it is stored, and it is not there");
  co_return there->token == token ? outcome::stored : outcome::exists;
}

// Removes what was stored otherwise than it was sent: whoever looks there again would know it by
// its token or its digest, and take it for whole. Always throws.
task<> swift_bucket::reject(question q, std::string key, std::string token) {
  std::string trouble;
  try {
    const std::optional<object_facts> there = co_await head(key);
    std::vector<std::string> names;
    if (there && there->token == token) names.push_back(key);
    const std::vector<failed_removal> failed =
        co_await remove_names(*account_, container_, std::move(names));
    if (!failed.empty()) trouble = "Status " + failed.front().code + ".";
  } catch (const failure& f) {
    if (f.why() == kind::interrupted) throw;
    trouble = f.text().msg + ": " + f.text().detail;
  }
  const request_failure f = unreadable(swift_answers, q, "has the ETag of other bytes");
  if (trouble.empty()) throw f;
  log::warning(
      "wal_e.blobstore.swift",
      {"a damaged object could not be removed", trouble, "Remove \"" + q.url + "\"."});
  throw request_failure(f, request_failure::repeat::never);
}

task<outcome> swift_bucket::put(
    std::string key,
    object_description description,
    http::body_pieces body,
    put_condition condition) {
  const question q = about(storing, key);
  const bool create_only = condition == put_condition::create_only;
  const std::string etag = co_await md5_of(body);
  http::exchange_options how;
  how.expect_continue = true;
  http::request r = requests_.put(key, description, std::move(body), create_only, etag);
  const http::reply answer = co_await account_->send(std::move(r), how);
  if (is_success(answer)) {
    if (!names_swift_etag(q, answer, etag)) co_await reject(q, key, description.token);
    if (!create_only) co_return outcome::stored;
    co_return co_await read_back(key, description.token);
  }
  const swift_verdict v = judge_swift(q, answer);
  if (create_only && v.meaning == swift_meaning::exists) co_return outcome::exists;
  if (v.meaning == swift_meaning::not_there) throw missing_container(q, container_);
  throw account_->mend(v);
}

task<upload>
swift_bucket::begin(std::string key, object_description description, put_condition condition) {
  upload begun;
  begun.key = std::move(key);
  begun.id = description.token;
  begun.description = std::move(description);
  begun.condition = condition;
  co_return begun;
}

task<uploaded_part>
swift_bucket::put_part(const upload& to, std::uint32_t number, http::body_pieces body) {
  const question q = about("could not store a segment of an object", to.key);
  uploaded_part part;
  part.number = number;
  part.size = http::size_of(body);
  part.tag = co_await md5_of(body);
  http::exchange_options how;
  how.expect_continue = true;
  const std::string name = segments_.part(to.key, to.id, number);
  http::request r = requests_.part(name, std::move(body), part.tag);
  const http::reply answer = co_await account_->send(std::move(r), how);
  if (is_success(answer)) {
    require_swift_etag(q, answer, part.tag);
    co_return part;
  }
  const swift_verdict v = judge_swift(q, answer);
  if (v.meaning == swift_meaning::not_there) throw missing_container(q, container_);
  throw account_->mend(v);
}

task<outcome> swift_bucket::complete(const upload& what, const std::vector<uploaded_part>& parts) {
  const question q = about("could not finish to store an object", what.key);
  const bool create_only = what.condition == put_condition::create_only;
  std::vector<swift_segment> segments;
  for (const uploaded_part& p : parts) {
    const std::string name = segments_.part(what.key, what.id, p.number);
    segments.push_back({"/" + container_ + "/" + name, p.tag, p.size});
  }
  const std::string body = compose_manifest(segments);
  const std::string etag = etag_of_parts(parts);
  http::request r = requests_.manifest(what.key, what.description, body, create_only, etag);
  const bool is_first = undecided_.insert(what.id).second;
  const http::reply answer = co_await account_->send(std::move(r));
  if (is_success(answer)) {
    if (!names_swift_etag(q, answer, etag)) co_await reject(q, what.key, what.description.token);
    if (!create_only) co_return outcome::stored;
    co_return co_await read_back(what.key, what.description.token);
  }
  const swift_verdict v = judge_swift(q, answer);
  if (is_first && v.meaning != swift_meaning::later) undecided_.erase(what.id);
  if (create_only && v.meaning == swift_meaning::exists) co_return outcome::exists;
  if (v.meaning == swift_meaning::not_there) throw missing_container(q, container_);
  if (answer.status == 400 && misses_segments(answer.body))
    throw request_failure(v.failure, request_failure::repeat::never, "NoSuchUpload");
  throw account_->mend(v);
}

// Segments of an object that is there must stay, and one may still come to be there: what cannot be
// decided now, unfinished() finds another day.
task<> swift_bucket::abort(const upload& what) {
  if (undecided_.contains(what.id)) co_return;
  const std::optional<object_facts> there = co_await head(what.key);
  if (there && there->token == what.id) co_return;
  const name_filter any = [](const std::string&) { return true; };
  std::vector<std::string> names =
      co_await names_below(segments_.of_upload(what.key, what.id), any);
  const std::vector<failed_removal> failed =
      co_await remove_names(*account_, container_, std::move(names));
  if (!failed.empty())
    throw failure(
        kind::unavailable,
        "could not remove the segments of an unfinished upload",
        "\"" + failed.front().key + "\": " + failed.front().code);
}

task<std::vector<unfinished_upload>> swift_bucket::unfinished(std::string key_prefix) {
  segment_census census(segments_);
  std::vector<object_info> found;
  if (!segments_.below().starts_with(key_prefix)) co_return std::vector<unfinished_upload>();
  std::string marker;
  do {
    found = co_await page(segments_.below(), marker);
    census.add(found);
    if (!found.empty()) marker = found.back().key.name;
  } while (!found.empty());

  const std::string prefix = census.common_prefix();
  marker.clear();
  list_page objects;
  objects.more = !prefix.empty();
  while (objects.more) {
    objects = co_await list(prefix, marker);
    for (const object_info& o : objects.objects)
      census.note_object(o.key.name);
    if (!objects.objects.empty()) marker = objects.objects.back().key.name;
  }

  std::vector<unfinished_upload> unfinished;
  for (unfinished_upload& u : census.doubtful()) {
    const std::optional<object_facts> there = co_await head(u.key);
    if (!there || there->token != u.id) unfinished.push_back(std::move(u));
  }
  co_return unfinished;
}

task<std::optional<object_facts>> swift_bucket::head(std::string key) {
  const question q = about("could not look at an object", key);
  http::request r = requests_.head(key);
  const http::reply answer = co_await account_->send(std::move(r));
  if (is_success(answer)) co_return facts_of_whole(swift_answers, q, answer);
  const swift_verdict v = judge_swift(q, answer);
  if (v.meaning != swift_meaning::not_there) throw account_->mend(v);
  co_await require_container(q);
  co_return std::nullopt;
}

task<std::optional<opened_object>> swift_bucket::get(
    std::string key, std::uint64_t offset, std::string etag, io::block_budget& budget) {
  const question q = about("could not read an object", key);
  http::request r = requests_.get(key, offset, etag);
  http::streamed_reply answer = co_await account_->open(std::move(r), budget);
  if (answer.body) {
    std::function<object_facts(const http::streamed_reply&)> facts = [&](const auto& head) {
      return facts_of_rest(swift_answers, q, head, head.length, offset);
    };
    opened_object found = co_await opened(std::move(answer), std::move(facts));
    co_return std::optional<opened_object>(std::move(found));
  }
  const swift_verdict v = judge_swift(q, answer, swift_method::get);
  if (v.meaning == swift_meaning::exists) throw replaced_while_read(q);
  if (v.meaning != swift_meaning::not_there) throw account_->mend(v);
  co_await require_container(q);
  co_return std::nullopt;
}

task<std::vector<object_info>> swift_bucket::page(std::string prefix, std::string marker) {
  const question q = about(listing, prefix);
  http::request r = requests_.list(prefix, marker);
  const http::reply answer = co_await account_->send(std::move(r));
  if (answer.status == 204) co_return std::vector<object_info>();
  if (is_success(answer)) {
    std::vector<object_info> found = parse_swift_listing(answer.body);
    if (!found.empty() && found.back().key.name <= marker)
      throw unreadable(swift_answers, q, "repeats a page");
    co_return found;
  }
  const swift_verdict v = judge_swift(q, answer);
  if (v.meaning == swift_meaning::not_there) throw missing_container(q, container_);
  throw account_->mend(v);
}

// A page ends where the server likes, so only an empty one is the last. Segments are no objects.
task<list_page> swift_bucket::list(std::string key_prefix, std::string after) {
  list_page visible;
  while (true) {
    std::vector<object_info> found = co_await page(key_prefix, after);
    for (object_info& o : found)
      if (!o.key.name.starts_with(segments_.below())) visible.objects.push_back(std::move(o));
    visible.more = !visible.objects.empty();
    if (found.empty() || visible.more) co_return visible;
    after = segments_.behind();
  }
}

task<std::vector<std::string>>
swift_bucket::names_below(std::string prefix, name_filter is_wanted) {
  std::vector<std::string> names;
  std::string marker;
  while (true) {
    const std::vector<object_info> found = co_await page(prefix, marker);
    if (found.empty()) co_return names;
    marker = found.back().key.name;
    for (const object_info& o : found)
      if (is_wanted(o.key.name)) names.push_back(o.key.name);
  }
}

// Of all their uploads, also those that were left behind.
task<std::vector<std::string>> swift_bucket::segments_of(std::vector<std::string> keys) {
  std::ranges::sort(keys);
  const auto differ = std::ranges::mismatch(keys.front(), keys.back());
  const std::string common(keys.front().begin(), differ.in1);
  std::string prefix = segments_.of_object(common);
  if (keys.size() > 1) prefix.pop_back();
  const name_filter is_one = [&](const std::string& name) {
    const auto owner = segments_.owner_of(name);
    return owner && std::ranges::binary_search(keys, owner->object);
  };
  co_return co_await names_below(std::move(prefix), is_one);
}

task<std::vector<failed_removal>> swift_bucket::remove(std::vector<std::string> keys) {
  std::vector<failed_removal> failed = co_await remove_names(*account_, container_, keys);
  for (const failed_removal& f : failed)
    std::erase(keys, f.key); // what is still there needs its segments
  if (keys.empty()) co_return failed;
  std::vector<std::string> names = co_await segments_of(std::move(keys));
  std::vector<failed_removal> more = co_await remove_names(*account_, container_, std::move(names));
  std::ranges::move(more, std::back_inserter(failed));
  co_return failed;
}

task<> swift_bucket::close() {
  co_await account_->close();
}

} // namespace wale::store
