#include "fake_gcs.hpp"

#include <wale/base/base64.hpp>
#include <wale/base/crc32c.hpp>
#include <wale/http/url.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace wale::test {
namespace {

namespace json = boost::json;
using http::percent_decode;

std::pair<std::string, std::map<std::string, std::string>> split_target(const std::string& target) {
  const std::size_t mark = target.find('?');
  std::map<std::string, std::string> q;
  std::string rest = mark == std::string::npos ? "" : target.substr(mark + 1) + "&";
  for (std::size_t end; (end = rest.find('&')) != std::string::npos; rest.erase(0, end + 1)) {
    const std::string pair = rest.substr(0, end);
    const std::size_t equals = pair.find('=');
    if (equals != std::string::npos)
      q[pair.substr(0, equals)] = percent_decode(pair.substr(equals + 1));
  }
  return {target.substr(0, mark), q};
}

std::map<std::string, std::string> metadata_in(const json::object& o) {
  std::map<std::string, std::string> found;
  if (const json::value* m = o.if_contains("metadata"))
    for (const auto& [name, value] : m->as_object())
      found[std::string(name)] = value.as_string();
  return found;
}

std::string text_in(const json::object& o, const char* name) {
  const json::value* v = o.if_contains(name);
  return v ? std::string(v->as_string()) : std::string();
}

answer document(const json::object& o) {
  answer a;
  a.headers = {{"Content-Type", "application/json; charset=UTF-8"}};
  a.body = json::serialize(o);
  return a;
}

answer incomplete(std::size_t held) {
  answer a;
  a.status = 308;
  if (held > 0) a.headers = {{"Range", "bytes=0-" + std::to_string(held - 1)}};
  return a;
}

const std::string objects_path = "/storage/v1/b/bucket/o";
const std::string upload_path = "/upload/storage/v1/b/bucket/o";

} // namespace

answer fake_gcs::error(int status, const std::string& reason, const std::string& message) {
  const json::object inner{
      {"code", status},
      {"message", message},
      {"errors", {{{"domain", "global"}, {"reason", reason}, {"message", message}}}}};
  answer a = document({{"error", inner}});
  a.status = status;
  return a;
}

fake_gcs::fake_gcs(peer_options o)
    : peer_(std::make_unique<scripted_peer>(
          [this](const received_request& r) { return respond(r); }, o)) {}

void fake_gcs::before(hook h) {
  const std::lock_guard lock(mutex_);
  before_ = std::move(h);
}

void fake_gcs::after(later_hook h) {
  const std::lock_guard lock(mutex_);
  after_ = std::move(h);
}

void fake_gcs::keep_at_most(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  keeps_ = bytes;
}

void fake_gcs::lie_about_sums(std::string crc32c) {
  const std::lock_guard lock(mutex_);
  lie_ = std::move(crc32c);
}

std::map<std::string, fake_gcs::object> fake_gcs::objects() const {
  const std::lock_guard lock(mutex_);
  return objects_;
}

std::size_t fake_gcs::sessions() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(sessions_, [](const auto& s) { return !s.second.finished; }));
}

answer fake_gcs::respond(const received_request& r) {
  const std::lock_guard lock(mutex_);
  if (before_)
    if (auto early = before_(r)) return *early;
  answer a;
  if (r.complete) a = serve(r);
  if (after_) after_(r, a);
  return a;
}

answer fake_gcs::serve(const received_request& r) {
  const auto [path, q] = split_target(r.target);
  if (path == upload_path) return upload(r, q);
  if (path == objects_path && r.method == "GET") return list(q);
  if (path.starts_with(objects_path + "/"))
    return of_object(r, percent_decode(path.substr(objects_path.size() + 1)), q);
  return error(404, "notFound", "The specified bucket does not exist.");
}

answer fake_gcs::upload(const received_request& r, const query& q) {
  if (q.contains("upload_id")) {
    const auto found = sessions_.find(q.at("upload_id"));
    if (found == sessions_.end()) return error(404, "notFound", "no such upload");
    if (r.method == "PUT") return continue_upload(r, found->second);
    sessions_.erase(found);
    return error(499, "clientClosedRequest", "");
  }
  if (q.at("uploadType") == "multipart") return upload_whole(r, q);
  const json::object about = json::parse(r.body).as_object();
  session s;
  s.key = q.at("name");
  s.create_only = q.contains("ifGenerationMatch");
  s.type = text_in(about, "contentType");
  s.metadata = metadata_in(about);
  const std::string id = "id+" + std::to_string(++next_);
  sessions_[id] = std::move(s);
  answer a;
  a.headers = {
      {"Location",
       "https://elsewhere.example" + upload_path +
           "?uploadType=resumable&upload_id=" + http::percent_encode(id)}};
  return a;
}

// RFC 2387: two parts between boundaries, a document and the bytes.
answer fake_gcs::upload_whole(const received_request& r, const query& q) {
  const std::string type = r.header("Content-Type");
  const std::string line = "\r\n--" + type.substr(type.find("boundary=") + 9);
  const std::string all = "\r\n" + r.body;
  const std::size_t first = all.find("\r\n\r\n") + 4;
  const std::size_t middle = all.find(line, first);
  const std::size_t second = all.find("\r\n\r\n", middle) + 4;
  const std::size_t end = all.rfind(line + "--");
  const json::object about = json::parse(all.substr(first, middle - first)).as_object();
  object o;
  o.body = all.substr(second, end - second);
  o.type = text_in(about, "contentType");
  o.metadata = metadata_in(about);
  if (text_in(about, "crc32c") != sum_of(o) && !lie_)
    return error(400, "invalid", "Provided CRC32C doesn't match calculated CRC32C");
  return store(q.at("name"), std::move(o), q.contains("ifGenerationMatch"));
}

answer fake_gcs::continue_upload(const received_request& r, session& s) {
  if (s.finished) return resource(objects_[s.key]);
  const std::string range = r.header("Content-Range");
  const std::size_t slash = range.find('/');
  const std::string total = range.substr(slash + 1);
  if (range.substr(6, slash - 6) == "*" && (total == "*" || std::stoul(total) != s.body.size()))
    return incomplete(s.body.size());
  if (range.substr(6, slash - 6) != "*") {
    const std::size_t first = std::stoul(range.substr(6));
    if (first > s.body.size()) return error(400, "invalid", "a gap");
    std::string fresh = r.body.substr(std::min(r.body.size(), s.body.size() - first));
    const bool last = total != "*";
    if (!last) fresh.resize(std::min(fresh.size(), keeps_) / 262144 * 262144);
    s.body += fresh;
    if (!last) return incomplete(s.body.size());
    if (s.body.size() != std::stoul(total)) return error(400, "invalid", "another size");
  }
  object o;
  o.body = s.body;
  o.type = s.type;
  o.metadata = s.metadata;
  if (r.header("X-Goog-Hash") != "crc32c=" + sum_of(o) && !lie_)
    return error(400, "invalid", "Provided CRC32C doesn't match calculated CRC32C");
  s.finished = true;
  return store(s.key, std::move(o), s.create_only);
}

answer fake_gcs::store(const std::string& key, object o, bool create_only) {
  if (create_only && objects_.contains(key)) return error(412, "conditionNotMet");
  o.generation = ++next_;
  objects_[key] = std::move(o);
  return resource(objects_[key]);
}

std::string fake_gcs::sum_of(const object& o) const {
  if (lie_) return *lie_;
  if (!o.sum) o.sum = crc32c_by_table(std::as_bytes(std::span(o.body)));
  const std::uint32_t sum = *o.sum;
  std::string bytes;
  for (const int shift : {24, 16, 8, 0})
    bytes += static_cast<char>(sum >> shift);
  return to_base64(bytes);
}

answer fake_gcs::resource(const object& o) const {
  json::object metadata;
  for (const auto& [name, value] : o.metadata)
    metadata[name] = value;
  return document(
      {{"size", std::to_string(o.body.size())},
       {"generation", std::to_string(o.generation)},
       {"crc32c", sum_of(o)},
       {"metadata", metadata}});
}

answer fake_gcs::of_object(const received_request& r, const std::string& key, const query& q) {
  const auto found = objects_.find(key);
  const bool other = found != objects_.end() && q.contains("generation") &&
                     q.at("generation") != std::to_string(found->second.generation);
  if (found == objects_.end() || other)
    return error(404, "notFound", "No such object: bucket/" + key);
  if (r.method == "GET")
    return q.contains("alt") ? media(r, found->second) : resource(found->second);
  objects_.erase(found);
  answer a;
  a.status = 204;
  return a;
}

answer fake_gcs::media(const received_request& r, const object& o) const {
  answer a;
  a.headers = {
      {"Content-Type", o.type},
      {"X-Goog-Generation", std::to_string(o.generation)},
      {"X-Goog-Hash", "crc32c=" + sum_of(o) + ",md5=Ojk9c3dhfxgoKVVHYwFbHQ=="}};
  a.body = o.body;
  const std::string range = r.header("Range");
  if (range.empty()) return a;
  const std::size_t first = std::stoul(range.substr(6));
  if (first >= o.body.size()) return error(416, "requestedRangeNotSatisfiable");
  a.status = 206;
  a.body = o.body.substr(first);
  a.headers.emplace_back(
      "Content-Range",
      "bytes " + std::to_string(first) + "-" + std::to_string(o.body.size() - 1) + "/" +
          std::to_string(o.body.size()));
  return a;
}

answer fake_gcs::list(const query& q) const {
  const auto value = [&q](const char* name) { return q.contains(name) ? q.at(name) : ""; };
  const std::string from = std::max(value("startOffset"), value("pageToken"));
  const std::size_t most = std::stoul(value("maxResults"));
  json::object page{{"kind", "storage#objects"}};
  json::array items;
  for (const auto& [key, o] : objects_) {
    if (!key.starts_with(value("prefix")) || key < from) continue;
    if (items.size() == most) {
      page["nextPageToken"] = key;
      break;
    }
    items.push_back(json::object{
        {"name", key},
        {"size", std::to_string(o.body.size())},
        {"updated", "2026-11-20T18:45:57.123Z"}});
  }
  if (!items.empty()) page["items"] = std::move(items);
  return document(page);
}

} // namespace wale::test
