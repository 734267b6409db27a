#include "fake_swift.hpp"

#include <wale/base/digest.hpp>
#include <wale/http/url.hpp>

#include <boost/json/parse.hpp>

#include <algorithm>
#include <sstream>
#include <utility>

namespace wale::test {
namespace {

namespace json = boost::json;
using http::percent_decode;

constexpr const char* account = "/v1/AUTH_test";

std::pair<std::string, std::map<std::string, std::string>> split_target(const std::string& target) {
  const std::size_t mark = target.find('?');
  std::map<std::string, std::string> q;
  if (mark != std::string::npos) {
    std::istringstream pairs(target.substr(mark + 1));
    for (std::string pair; std::getline(pairs, pair, '&');) {
      const std::size_t equals = std::min(pair.find('='), pair.size());
      q[pair.substr(0, equals)] =
          equals == pair.size() ? "" : percent_decode(pair.substr(equals + 1));
    }
  }
  return {target.substr(0, mark), q};
}

std::string md5_hex(const std::string& text) {
  return to_hex(md5(text));
}

answer with_transaction(int status, header_list headers = {}, std::string body = {}) {
  answer a;
  a.status = status;
  a.headers = std::move(headers);
  a.headers.emplace_back("X-Trans-Id", "tx0123456789");
  a.body = std::move(body);
  return a;
}

header_list metadata_of(const received_request& r) {
  header_list kept;
  for (const auto& [name, value] : r.headers) {
    std::string lower = name;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    if (lower.starts_with("x-object-meta-") || lower == "content-type")
      kept.emplace_back(name, value);
  }
  return kept;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text)
    out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out + "\"";
}

} // namespace

answer fake_swift::error(int status, header_list more) {
  return with_transaction(status, std::move(more), "<html><h1>No</h1></html>");
}

fake_swift::fake_swift(peer_options o)
    : peer_(std::make_unique<scripted_peer>(
          [this](const received_request& r) { return respond(r); }, o)) {}

void fake_swift::before(hook h) {
  const std::lock_guard lock(mutex_);
  before_ = std::move(h);
}

void fake_swift::after(later_hook h) {
  const std::lock_guard lock(mutex_);
  after_ = std::move(h);
}

void fake_swift::expire_tokens() {
  const std::lock_guard lock(mutex_);
  tokens_.clear();
}

void fake_swift::without_bulk_delete() {
  const std::lock_guard lock(mutex_);
  has_bulk_ = false;
}

std::map<std::string, std::string> fake_swift::objects() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::string> found;
  for (const auto& [name, o] : objects_)
    found[name] = o.body;
  return found;
}

bool fake_swift::is_large(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return objects_.at(name).is_large;
}

void fake_swift::write(
    const std::string& name, const std::string& body, const std::string& modified) {
  const std::lock_guard lock(mutex_);
  object o;
  o.body = body;
  o.etag = md5_hex(body);
  o.modified = modified;
  objects_[name] = std::move(o);
}

answer fake_swift::respond(const received_request& r) {
  const std::lock_guard lock(mutex_);
  if (before_)
    if (auto early = before_(r)) return *early;
  answer a;
  if (r.complete) a = serve(r);
  if (after_) after_(r, a);
  return a;
}

answer fake_swift::serve(const received_request& r) {
  const auto [path, q] = split_target(r.target);
  if (path == "/auth/v1.0") return sign_in(r);
  if (path == "/info") {
    const std::string bulk = R"("bulk_delete": {"max_deletes_per_request": 1000})";
    return with_transaction(200, {}, "{" + (has_bulk_ ? bulk : std::string()) + "}");
  }
  if (!tokens_.contains(r.header("X-Auth-Token"))) return error(401);
  if (r.method == "POST" && path == account && q.contains("bulk-delete")) return remove(r.body);
  const std::string root = std::string(account) + "/container";
  if (path != root && !path.starts_with(root + "/")) return error(404);
  if (path == root) return of_container(r, q);
  return of_object(r, percent_decode(path.substr(root.size() + 1)), q);
}

answer fake_swift::sign_in(const received_request& r) {
  if (r.header("X-Auth-User") != "test:tester" || r.header("X-Auth-Key") != "SECRET-testing")
    return error(401);
  const std::string token = "AUTH_tk" + std::to_string(++next_);
  tokens_.insert(token);
  return with_transaction(
      200, {{"X-Storage-Url", peer_->url() + account}, {"X-Auth-Token", token}});
}

answer fake_swift::of_container(const received_request& r, const query& q) const {
  if (r.method == "HEAD") return with_transaction(204);
  return r.method == "GET" ? list(q) : error(405);
}

answer fake_swift::of_object(const received_request& r, const std::string& name, const query& q) {
  if (r.method == "PUT") {
    if (r.header("If-None-Match") == "*" && objects_.contains(name)) return error(412);
    return q.contains("multipart-manifest") ? put_manifest(r, name) : put(r, name);
  }
  if (r.method == "DELETE") return objects_.erase(name) != 0 ? with_transaction(204) : error(404);
  if (r.method == "GET" || r.method == "HEAD") return get(r, name);
  return error(405);
}

answer fake_swift::put(const received_request& r, const std::string& name) {
  object o;
  o.body = r.body;
  o.headers = metadata_of(r);
  o.etag = md5_hex(r.body);
  if (r.has_header("ETag") && r.header("ETag") != o.etag) return error(422);
  const answer a = with_transaction(201, {{"ETag", o.etag}});
  objects_[name] = std::move(o);
  return a;
}

answer fake_swift::put_manifest(const received_request& r, const std::string& name) {
  object o;
  o.is_large = true;
  o.headers = metadata_of(r);
  std::string tags;
  const json::value manifest = json::parse(r.body);
  for (const json::value& v : manifest.as_array()) {
    const json::object& segment = v.as_object();
    const std::string path(segment.at("path").as_string());
    const auto found = objects_.find(path.substr(std::string("/container/").size()));
    const bool fits =
        found != objects_.end() && segment.at("etag") == json::string_view(found->second.etag) &&
        found->second.body.size() == segment.at("size_bytes").to_number<std::size_t>();
    if (!fits) {
      answer a = error(400);
      a.body = "{\"Errors\": [[" + quoted(path) + ", \"404 Not Found\"]]}";
      return a;
    }
    o.body += found->second.body;
    tags += found->second.etag;
  }
  if (r.header("ETag") != md5_hex(tags)) return error(422);
  o.etag = "\"" + md5_hex(tags) + "\"";
  const answer a = with_transaction(201, {{"ETag", o.etag}});
  objects_[name] = std::move(o);
  return a;
}

answer fake_swift::get(const received_request& r, const std::string& name) const {
  const auto found = objects_.find(name);
  if (found == objects_.end()) return error(404);
  const object& o = found->second;
  const std::string wanted = r.header("If-Match");
  if (!wanted.empty() && wanted != o.etag && wanted != "\"" + o.etag + "\"") return error(412);
  answer a = with_transaction(200, o.headers, o.body);
  a.headers.emplace_back("ETag", o.etag);
  const std::string range = r.header("Range");
  if (range.empty()) return a;
  const std::size_t first = std::stoul(range.substr(6));
  if (first >= o.body.size()) return error(416);
  a.status = 206;
  a.body = o.body.substr(first);
  a.headers.emplace_back(
      "Content-Range",
      "bytes " + std::to_string(first) + "-" + std::to_string(o.body.size() - 1) + "/" +
          std::to_string(o.body.size()));
  return a;
}

answer fake_swift::list(const query& q) const {
  constexpr std::size_t page = 1000;
  const auto value = [&q](const char* name) { return q.contains(name) ? q.at(name) : ""; };
  std::string body;
  std::size_t n = 0;
  for (const auto& [name, o] : objects_) {
    if (!name.starts_with(value("prefix")) || name <= value("marker")) continue;
    if (++n > page) break;
    body += std::string(body.empty() ? "" : ", ") + "{\"name\": " + quoted(name) +
            ", \"bytes\": " + std::to_string(o.body.size()) + ", \"last_modified\": \"" +
            o.modified + "\", \"hash\": \"x\", \"content_type\": \"x\"}";
  }
  return with_transaction(200, {{"Content-Type", "application/json"}}, "[" + body + "]");
}

answer fake_swift::remove(const std::string& lines) {
  if (!has_bulk_) return error(405);
  std::size_t removed = 0;
  std::size_t absent = 0;
  std::istringstream all(lines);
  for (std::string line; std::getline(all, line);) {
    const std::string name = percent_decode(line).substr(std::string("/container/").size());
    (objects_.erase(name) != 0 ? removed : absent) += 1;
  }
  return with_transaction(
      200,
      {},
      "  {\"Number Deleted\": " + std::to_string(removed) +
          ", \"Number Not Found\": " + std::to_string(absent) +
          ", \"Response Status\": \"200 OK\", \"Response Body\": \"\", \"Errors\": []}");
}

} // namespace wale::test
