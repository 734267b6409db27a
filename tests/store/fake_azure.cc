#include "fake_azure.hpp"

#include <wale/base/base64.hpp>
#include <wale/base/digest.hpp>
#include <wale/http/url.hpp>

#include <algorithm>
#include <utility>

namespace wale::test {
namespace {

using http::percent_decode;

std::pair<std::string, std::map<std::string, std::string>> split_target(const std::string& target) {
  const std::size_t mark = target.find('?');
  std::map<std::string, std::string> q;
  if (mark != std::string::npos) {
    std::string rest = target.substr(mark + 1) + "&";
    for (std::size_t end; (end = rest.find('&')) != std::string::npos; rest.erase(0, end + 1)) {
      const std::string pair = rest.substr(0, end);
      const std::size_t equals = pair.find('=');
      q[pair.substr(0, equals)] =
          equals == std::string::npos ? "" : percent_decode(pair.substr(equals + 1));
    }
  }
  return {target.substr(0, mark), q};
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c);
  return out;
}

answer with_status(int status) {
  answer a;
  a.status = status;
  return a;
}

constexpr const char* date = "Fri, 20 Nov 2026 18:45:57 GMT";

} // namespace

answer fake_azure::error(int status, const std::string& code, header_list more) {
  answer a = with_status(status);
  a.headers = {{"Content-Type", "application/xml"}, {"x-ms-error-code", code}};
  a.body = "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>" + code +
           "</Code><Message>said the server\nRequestId:1\nTime:2</Message></Error>";
  for (auto& h : more)
    a.headers.push_back(std::move(h));
  return a;
}

fake_azure::fake_azure(peer_options o)
    : peer_(std::make_unique<scripted_peer>(
          [this](const received_request& r) { return respond(r); }, o)) {}

void fake_azure::before(hook h) {
  const std::lock_guard lock(mutex_);
  before_ = std::move(h);
}

void fake_azure::after(later_hook h) {
  const std::lock_guard lock(mutex_);
  after_ = std::move(h);
}

std::map<std::string, std::string> fake_azure::blobs() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::string> found;
  for (const auto& [name, b] : blobs_)
    found[name] = b.body;
  return found;
}

answer fake_azure::respond(const received_request& r) {
  const std::lock_guard lock(mutex_);
  if (before_)
    if (auto early = before_(r)) return *early;
  answer a;
  if (r.complete) a = serve(r);
  if (after_) after_(r, a);
  return a;
}

answer fake_azure::serve(const received_request& r) {
  const auto [path, q] = split_target(r.target);
  const std::string root = "/account/container";
  if (r.header("x-ms-version").empty()) return error(400, "MissingRequiredHeader");
  if (path == root) return list(q);
  if (!path.starts_with(root + "/")) return error(404, "ContainerNotFound");
  return of_blob(r, percent_decode(path.substr(root.size() + 1)), q);
}

answer fake_azure::of_blob(const received_request& r, const std::string& name, const query& q) {
  const std::string comp = q.contains("comp") ? q.at("comp") : "";
  if (const std::string sum = r.header("Content-MD5"); !sum.empty())
    if (sum != to_base64(md5(r.body))) return error(400, "Md5Mismatch");
  if (r.method == "PUT" && comp == "block") {
    blocks_[name][q.at("blockid")] = r.body;
    return with_status(201);
  }
  if (r.method == "PUT" && comp == "blocklist") return commit(r, name);
  if (r.method == "PUT" && r.header("x-ms-blob-type") == "BlockBlob") return put(r, name, r.body);
  if (r.method == "GET" || r.method == "HEAD") return get(r, name);
  if (r.method != "DELETE") return error(405, "UnsupportedHttpVerb");
  return blobs_.erase(name) != 0 ? with_status(202) : error(404, "BlobNotFound");
}

answer fake_azure::put(const received_request& r, const std::string& name, std::string body) {
  if (r.header("If-None-Match") == "*" && blobs_.contains(name))
    return error(409, "BlobAlreadyExists");
  blob b;
  b.body = std::move(body);
  b.etag = "\"0x" + std::to_string(++next_) + "\"";
  for (const auto& [field, value] : r.headers)
    if (field.starts_with("x-ms-meta-")) b.headers.emplace_back(field, value);
  answer a = with_status(201);
  a.headers = {{"ETag", b.etag}};
  blobs_[name] = std::move(b);
  blocks_.erase(name); // those of all writers
  return a;
}

answer fake_azure::commit(const received_request& r, const std::string& name) {
  if (r.header("If-None-Match") == "*" && blobs_.contains(name))
    return error(409, "BlobAlreadyExists");
  // "Latest": not committed, else committed.
  auto there = blocks_[name];
  if (const auto old = blobs_.find(name); old != blobs_.end())
    there.insert(old->second.blocks.begin(), old->second.blocks.end());
  std::string body;
  for (std::size_t at = 0; (at = r.body.find("<Latest>", at)) != std::string::npos;) {
    at += 8;
    const auto found = there.find(r.body.substr(at, r.body.find("</Latest>", at) - at));
    if (found == there.end()) return error(400, "InvalidBlockList");
    body += found->second;
  }
  answer a = put(r, name, std::move(body));
  blobs_.at(name).blocks = std::move(there);
  return a;
}

answer fake_azure::get(const received_request& r, const std::string& name) const {
  const auto found = blobs_.find(name);
  if (found == blobs_.end()) return error(404, "BlobNotFound");
  const blob& b = found->second;
  if (r.has_header("If-Match") && r.header("If-Match") != b.etag)
    return error(412, "ConditionNotMet");
  answer a;
  a.headers = b.headers;
  a.headers.emplace_back("ETag", b.etag);
  a.body = b.body;
  const std::string range = r.header("Range");
  if (range.empty()) return a;
  const std::size_t first = std::stoul(range.substr(6));
  if (first >= b.body.size()) return error(416, "InvalidRange");
  a.status = 206;
  a.body = b.body.substr(first);
  a.headers.emplace_back(
      "Content-Range",
      "bytes " + std::to_string(first) + "-" + std::to_string(b.body.size() - 1) + "/" +
          std::to_string(b.body.size()));
  return a;
}

// Markers are opaque: here the name reversed.
answer fake_azure::list(const query& q) const {
  const std::string prefix = q.contains("prefix") ? q.at("prefix") : "";
  std::string from = q.contains("marker") ? q.at("marker") : "";
  std::ranges::reverse(from);
  std::string body;
  std::string next;
  std::size_t n = 0;
  for (auto at = blobs_.lower_bound(std::max(prefix, from)); at != blobs_.end(); ++at) {
    if (!at->first.starts_with(prefix)) break;
    if (n++ == page_size_) {
      next = at->first;
      break;
    }
    body += "<Blob><Name>" + escaped(at->first) + "</Name><Properties><Last-Modified>" + date +
            "</Last-Modified><Etag>0x1</Etag><Content-Length>" +
            std::to_string(at->second.body.size()) +
            "</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>";
  }
  std::ranges::reverse(next);
  answer a;
  a.headers = {{"Content-Type", "application/xml"}};
  a.body = "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>" +
           body + "</Blobs><NextMarker>" + escaped(next) + "</NextMarker></EnumerationResults>";
  return a;
}

} // namespace wale::test
