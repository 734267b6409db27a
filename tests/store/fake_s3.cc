#include "fake_s3.hpp"

#include <wale/http/url.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace wale::test {
namespace {

using http::percent_decode;
using http::percent_encode;

std::pair<std::string, std::map<std::string, std::string>> split_target(const std::string& target) {
  const std::size_t mark = target.find('?');
  std::map<std::string, std::string> q;
  if (mark != std::string::npos) {
    std::string rest = target.substr(mark + 1) + "&";
    for (std::size_t end; (end = rest.find('&')) != std::string::npos; rest.erase(0, end + 1)) {
      const std::string pair = rest.substr(0, end);
      const std::size_t equals = pair.find('=');
      if (!pair.empty())
        q[pair.substr(0, equals)] =
            equals == std::string::npos ? "" : percent_decode(pair.substr(equals + 1));
    }
  }
  return {target.substr(0, mark), q};
}

header_list metadata_of(const received_request& r) {
  header_list kept;
  for (const auto& [name, value] : r.headers) {
    std::string lower = name;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    if (lower.starts_with("x-amz-meta-") || lower == "content-type") kept.emplace_back(name, value);
  }
  return kept;
}

answer xml(const std::string& body) {
  answer a;
  a.headers = {{"Content-Type", "application/xml"}};
  a.body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + body;
  return a;
}

std::string between(const std::string& text, const std::string& open, std::size_t& from) {
  const std::size_t begin = text.find("<" + open + ">", from);
  if (begin == std::string::npos) return from = std::string::npos, "";
  const std::size_t start = begin + open.size() + 2;
  const std::size_t end = text.find("</" + open + ">", start);
  from = end;
  return text.substr(start, end - start);
}

std::string unescape(std::string text) {
  for (const auto& [entity, character] :
       {std::pair{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"}, {"&amp;", "&"}})
    for (std::size_t at = 0; (at = text.find(entity, at)) != std::string::npos; ++at)
      text.replace(at, std::string(entity).size(), character);
  return text;
}

constexpr const char* date = "2026-11-20T18:45:57.000Z";

} // namespace

answer fake_s3::error(int status, const std::string& code, header_list more) {
  answer a = xml("<Error><Code>" + code + "</Code><Message>said the server</Message></Error>");
  a.status = status;
  for (auto& h : more)
    a.headers.push_back(std::move(h));
  return a;
}

fake_s3::fake_s3(peer_options o)
    : peer_(std::make_unique<scripted_peer>(
          [this](const received_request& r) { return respond(r); }, o)) {}

void fake_s3::before(hook h) {
  const std::lock_guard lock(mutex_);
  before_ = std::move(h);
}

void fake_s3::after(later_hook h) {
  const std::lock_guard lock(mutex_);
  after_ = std::move(h);
}

std::map<std::string, std::string> fake_s3::objects() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::string> found;
  for (const auto& [key, o] : objects_)
    found[key] = o.body;
  return found;
}

std::size_t fake_s3::unfinished_uploads() const {
  const std::lock_guard lock(mutex_);
  return uploads_.size();
}

void fake_s3::begin_upload(const std::string& key, const std::string& initiated) {
  const std::lock_guard lock(mutex_);
  upload u;
  u.key = key;
  u.initiated = initiated;
  uploads_["old" + std::to_string(++next_)] = u;
}

answer fake_s3::respond(const received_request& r) {
  const std::lock_guard lock(mutex_);
  if (before_)
    if (auto early = before_(r)) return *early;
  answer a;
  if (r.complete) a = serve(r);
  if (after_) after_(r, a);
  return a;
}

answer fake_s3::serve(const received_request& r) {
  const auto [path, q] = split_target(r.target);
  const std::string root = "/bucket";
  if (!path.starts_with(root + "/") && path != root) return error(404, "NoSuchBucket");
  const std::string key =
      path.size() > root.size() ? percent_decode(path.substr(root.size() + 1)) : "";
  return key.empty() ? of_bucket(r, q) : of_object(r, key, q);
}

answer fake_s3::of_bucket(const received_request& r, const query& q) {
  if (r.method == "POST" && q.contains("delete")) return remove(r.body);
  if (r.method == "GET" && q.contains("uploads")) return list_uploads(q);
  if (r.method == "GET") return list(q);
  return error(405, "MethodNotAllowed");
}

answer fake_s3::of_object(const received_request& r, const std::string& key, const query& q) {
  if (r.method == "POST" && q.contains("uploads")) {
    const std::string id = "id+" + std::to_string(++next_);
    upload u;
    u.key = key;
    u.headers = metadata_of(r);
    uploads_[id] = std::move(u);
    return xml(
        "<InitiateMultipartUploadResult><Bucket>bucket</Bucket><UploadId>" + id +
        "</UploadId></InitiateMultipartUploadResult>");
  }
  if (q.contains("uploadId") && !uploads_.contains(q.at("uploadId")))
    return error(404, "NoSuchUpload");
  if (r.method == "PUT" && q.contains("partNumber")) return put_part(q, r.body);
  if (r.method == "POST" && q.contains("uploadId")) return complete(r, key, q);
  if (r.method == "DELETE" && q.contains("uploadId")) {
    uploads_.erase(q.at("uploadId"));
    answer a;
    a.status = 204;
    return a;
  }
  if (r.method == "PUT") return put(r, key, r.body, metadata_of(r));
  if (r.method == "GET" || r.method == "HEAD") return get(r, key);
  return error(405, "MethodNotAllowed");
}

answer
fake_s3::put(const received_request& r, const std::string& key, std::string body, header_list h) {
  if (r.header("If-None-Match") == "*" && objects_.contains(key))
    return error(412, "PreconditionFailed");
  object o;
  o.body = std::move(body);
  o.headers = std::move(h);
  o.etag = "\"etag-" + std::to_string(++next_) + "\"";
  answer a;
  a.headers = {{"ETag", o.etag}};
  objects_[key] = std::move(o);
  return a;
}

answer fake_s3::put_part(const query& q, const std::string& body) {
  const unsigned number = static_cast<unsigned>(std::stoul(q.at("partNumber")));
  uploads_.at(q.at("uploadId")).parts[number] = body;
  answer a;
  a.headers = {{"ETag", "\"part-" + std::to_string(number) + "\""}};
  return a;
}

answer fake_s3::complete(const received_request& r, const std::string& key, const query& q) {
  const upload u = uploads_.at(q.at("uploadId"));
  std::string body;
  for (const auto& [number, part] : u.parts) {
    const bool is_last = number == u.parts.rbegin()->first;
    if (part.size() < 5 * 1024 * 1024 && !is_last) return error(400, "EntityTooSmall");
    if (r.body.find("&quot;part-" + std::to_string(number) + "&quot;") == std::string::npos &&
        r.body.find("\"part-" + std::to_string(number) + "\"") == std::string::npos)
      return error(400, "InvalidPart");
    body += part;
  }
  const answer a = put(r, key, std::move(body), u.headers);
  if (a.status != 200) return a;
  uploads_.erase(q.at("uploadId"));
  return xml("<CompleteMultipartUploadResult><Key>x</Key><ETag>&quot;e&quot;</ETag>"
             "</CompleteMultipartUploadResult>");
}

answer fake_s3::get(const received_request& r, const std::string& key) const {
  const auto found = objects_.find(key);
  if (found == objects_.end()) return error(404, "NoSuchKey");
  const object& o = found->second;
  if (r.has_header("If-Match") && r.header("If-Match") != o.etag)
    return error(412, "PreconditionFailed");
  answer a;
  a.headers = o.headers;
  a.headers.emplace_back("ETag", o.etag);
  a.body = o.body;
  const std::string range = r.header("Range");
  if (range.empty()) return a;
  const std::size_t first = std::stoul(range.substr(6));
  if (first >= o.body.size()) return error(416, "InvalidRange");
  const std::string last = range.substr(range.find('-') + 1);
  const std::size_t end =
      last.empty() ? o.body.size() : std::min(o.body.size(), std::stoul(last) + 1);
  a.status = 206;
  a.body = o.body.substr(first, end - first);
  a.headers.emplace_back(
      "Content-Range",
      "bytes " + std::to_string(first) + "-" + std::to_string(end - 1) + "/" +
          std::to_string(o.body.size()));
  return a;
}

answer fake_s3::list(const query& q) const {
  const auto value = [&q](const char* name) { return q.contains(name) ? q.at(name) : ""; };
  const std::string prefix = value("prefix");
  const std::string after = q.contains("list-type") ? value("start-after") : value("marker");
  std::string body;
  std::size_t n = 0;
  bool truncated = false;
  for (const auto& [key, o] : objects_) {
    if (!key.starts_with(prefix) || (!after.empty() && key <= after)) continue;
    if (n == 1000) truncated = true;
    if (truncated) break;
    ++n;
    body += "<Contents><Key>" + percent_encode(key, true) + "</Key><LastModified>" + date +
            "</LastModified><ETag>&quot;e&quot;</ETag><Size>" + std::to_string(o.body.size()) +
            "</Size></Contents>";
  }
  return xml(
      "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>" +
      std::string(truncated ? "true" : "false") + "</IsTruncated>" + body + "</ListBucketResult>");
}

answer fake_s3::list_uploads(const query& q) const {
  const std::string prefix = q.contains("prefix") ? q.at("prefix") : "";
  std::string body;
  for (const auto& [id, u] : uploads_)
    if (u.key.starts_with(prefix))
      body += "<Upload><Key>" + percent_encode(u.key, true) + "</Key><UploadId>" + id +
              "</UploadId><Initiated>" + u.initiated + "</Initiated></Upload>";
  return xml(
      "<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>false"
      "</IsTruncated>" +
      body + "</ListMultipartUploadsResult>");
}

answer fake_s3::remove(const std::string& text) {
  std::vector<std::string> keys;
  for (std::size_t at = 0;;) {
    const std::string key = between(text, "Key", at);
    if (at == std::string::npos) break;
    keys.push_back(unescape(key));
  }
  if (keys.size() > 1000) return error(400, "MalformedXML");
  for (const std::string& key : keys)
    objects_.erase(key);
  return xml("<DeleteResult></DeleteResult>");
}

} // namespace wale::test
