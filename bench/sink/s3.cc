#include "s3.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <thread>

namespace sink {
namespace {

constexpr std::uint64_t kept_below = 64U << 10;
constexpr std::uint64_t document_limit = 16U << 20;
constexpr std::size_t page_limit = 1000; // API reference, ListObjectsV2, max-keys

answer refusal(int status, const std::string& code, const std::string& message) {
  return {
      status,
      {{"Content-Type", "application/xml"}},
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + code + "</Code><Message>" +
          escape_xml(message) + "</Message><RequestId>1</RequestId></Error>"};
}

answer document(const std::string& name, const std::string& content) {
  return {
      200,
      {{"Content-Type", "application/xml"}},
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<" + name +
          " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" + content + "</" + name + ">"};
}

std::string element(const char* name, const std::string& text) {
  return std::string("<") + name + '>' + escape_xml(text) + "</" + name + '>';
}

template <class Number> Number number_of(const std::string& text) {
  Number value{};
  const char* end = text.data() + text.size();
  if (text.empty() || std::from_chars(text.data(), end, value).ptr != end)
    throw std::runtime_error("not a number: " + text);
  return value;
}

/// One request and its answer.
class exchange {
public:
  exchange(stream& peer, object_table& objects, const behaviour& how, const request& asked)
      : peer_(peer), objects_(objects), how_(how), asked_(asked) {
    const auto slash = asked_.path.find('/');
    bucket_ = asked_.path.substr(0, slash);
    has_key_ = slash != asked_.path.npos && slash + 1 < asked_.path.size();
  }

  void run() {
    if (asked_.is_chunked) {
      keep_alive_ = false; // where its body ends is not looked for
      return reply(refusal(411, "MissingContentLength", "A length is needed."));
    }
    if (asked_.wants_continue) {
      peer_.write("HTTP/1.1 100 Continue\r\n\r\n");
      peer_.flush();
    }
    if (asked_.method == "PUT" && has_key_) return reply(put());
    if (asked_.method == "POST") return reply(post(read_document()));
    peer_.discard(asked_.length);
    if (asked_.method == "PUT") return reply({});
    if (asked_.method == "DELETE") return reply(remove());
    if (asked_.method == "GET" && !has_key_) return reply(about_bucket());
    if (asked_.method == "HEAD" && !has_key_) return reply({});
    if (asked_.method == "GET" || asked_.method == "HEAD") return get();
    reply(refusal(405, "MethodNotAllowed", asked_.method));
  }

  bool keeps_alive() const { return keep_alive_ && asked_.keep_alive; }

private:
  void reply(const answer& a) {
    const std::uint64_t length = a.body.size();
    send(head_of(a, length, keeps_alive()) + (asked_.method == "HEAD" ? "" : a.body));
  }

  void send(const std::string& bytes) {
    if (how_.latency.count() > 0) std::this_thread::sleep_for(how_.latency);
    peer_.write(bytes);
    peer_.flush();
  }

  std::string read_document() {
    if (asked_.length > document_limit) throw std::runtime_error("the document is too long");
    std::string text(asked_.length, '\0');
    peer_.read(text.data(), text.size());
    return text;
  }

  piece read_body() {
    piece body{asked_.length};
    const bool is_kept = how_.kept && asked_.path.find(*how_.kept) != asked_.path.npos;
    if (is_kept || body.size < kept_below) {
      // Without zeroes: what is received overwrites it.
      std::shared_ptr<char[]> bytes(new char[body.size]);
      peer_.read(bytes.get(), body.size);
      body.bytes = std::move(bytes);
    } else {
      peer_.discard(body.size);
    }
    return body;
  }

  fields stored_headers() const {
    fields kept;
    for (const auto& [name, value] : asked_.headers)
      if (name.starts_with("x-amz-meta-") || name == "content-type") kept[name] = value;
    return kept;
  }

  answer put() {
    piece body = read_body();
    if (asked_.asks("uploadId")) {
      const auto number = number_of<unsigned>(asked_.query_value("partNumber"));
      if (!objects_.add_part(asked_.query_value("uploadId"), number, std::move(body)))
        return refusal(404, "NoSuchUpload", asked_.query_value("uploadId"));
      return {200, {{"ETag", "\"part-" + std::to_string(number) + "\""}}};
    }
    object made;
    made.pieces.push_back(std::move(body));
    made.headers = stored_headers();
    return insert(std::move(made));
  }

  answer insert(object made) {
    if (!objects_.insert(asked_.path, std::move(made), asked_.header("if-none-match") == "*"))
      return refusal(412, "PreconditionFailed", "If-None-Match: there is one already.");
    answer a;
    if (const auto now = objects_.find(asked_.path)) a.headers["ETag"] = now->etag;
    return a;
  }

  answer post(const std::string& text) {
    if (asked_.asks("delete")) return remove_many(text);
    if (asked_.asks("uploads"))
      return document(
          "InitiateMultipartUploadResult",
          element("Bucket", bucket_) + element("Key", key()) +
              element("UploadId", objects_.begin(stored_headers())));
    if (asked_.asks("uploadId")) return complete(text);
    return refusal(405, "MethodNotAllowed", "POST");
  }

  answer complete(const std::string& text) {
    std::vector<unsigned> numbers;
    for (const std::string& number : xml_elements(text, "PartNumber"))
      numbers.push_back(number_of<unsigned>(number));
    const std::string upload = asked_.query_value("uploadId");
    std::optional<object> made = objects_.take(upload, numbers);
    if (!made) return refusal(404, "NoSuchUpload", upload);
    answer done = insert(std::move(*made));
    if (done.status != 200) return done;
    return document(
        "CompleteMultipartUploadResult",
        element("Bucket", bucket_) + element("Key", key()) +
            element("ETag", done.headers.at("ETag")));
  }

  answer remove() {
    if (asked_.asks("uploadId") && !objects_.abort(asked_.query_value("uploadId")))
      return refusal(404, "NoSuchUpload", asked_.query_value("uploadId"));
    if (!asked_.asks("uploadId")) objects_.erase(asked_.path);
    return {204};
  }

  answer remove_many(const std::string& text) {
    const bool is_quiet = text.find("<Quiet>true</Quiet>") != text.npos;
    std::string removed;
    for (const std::string& key : xml_elements(text, "Key")) {
      objects_.erase(bucket_ + '/' + key);
      if (!is_quiet) removed += "<Deleted>" + element("Key", key) + "</Deleted>";
    }
    return document("DeleteResult", removed);
  }

  answer about_bucket() {
    if (asked_.asks("uploads"))
      return document(
          "ListMultipartUploadsResult",
          element("Bucket", bucket_) + element("IsTruncated", "false"));
    if (asked_.asks("location")) return document("LocationConstraint", "");
    return list();
  }

  answer list() {
    const bool is_v2 = asked_.query_value("list-type") == "2";
    const bool is_escaped = asked_.query_value("encoding-type") == "url";
    const auto shown = [&](const std::string& name) {
      return is_escaped ? escape_url(name) : name;
    };
    const std::string root = bucket_ + '/', prefix = asked_.query_value("prefix");
    std::string after = asked_.query_value(is_v2 ? "start-after" : "marker");
    // The token is the last key of the page before.
    if (is_v2) after = asked_.query_value("continuation-token", after);
    const std::size_t most =
        std::min(page_limit, number_of<std::size_t>(asked_.query_value("max-keys", "1000")));
    object_table::listing found = objects_.list(root + prefix, root + after, most + 1);
    const bool is_cut = found.size() > most;
    if (is_cut) found.pop_back();

    std::string text = element("Name", bucket_) + element("Prefix", shown(prefix)) +
                       element("MaxKeys", std::to_string(most)) +
                       element("IsTruncated", is_cut ? "true" : "false");
    if (is_escaped) text += element("EncodingType", "url");
    if (is_v2) text += element("KeyCount", std::to_string(found.size()));
    if (is_v2 && is_cut && !found.empty())
      text += element("NextContinuationToken", found.back().first.substr(root.size()));
    for (const auto& [name, one] : found)
      text += "<Contents>" + element("Key", shown(name.substr(root.size()))) +
              element("LastModified", iso_date(one->modified)) + element("ETag", one->etag) +
              element("Size", std::to_string(one->size())) + element("StorageClass", "STANDARD") +
              "</Contents>";
    return document("ListBucketResult", text);
  }

  void get() {
    const object_pointer found = objects_.find(asked_.path);
    if (!found) return reply(refusal(404, "NoSuchKey", key()));
    const auto wanted = asked_.header("if-match");
    if (wanted && *wanted != found->etag && *wanted != "*")
      return reply(refusal(412, "PreconditionFailed", "If-Match"));
    const bool is_head = asked_.method == "HEAD";
    if (!is_head && !found->is_kept())
      return reply(refusal(410, "BodyDiscarded", "Start the sink with --keep."));

    const std::uint64_t size = found->size();
    std::uint64_t from = 0, end = size;
    answer a{200, found->headers};
    a.headers["ETag"] = found->etag;
    a.headers["Last-Modified"] = http_date(found->modified);
    a.headers["Accept-Ranges"] = "bytes";
    if (const auto range = asked_.header("range"); range && range->starts_with("bytes=")) {
      const auto dash = range->find('-');
      from = number_of<std::uint64_t>(range->substr(6, dash - 6));
      if (from >= size) return reply(refusal(416, "InvalidRange", *range));
      if (dash + 1 < range->size())
        end = std::min(size, number_of<std::uint64_t>(range->substr(dash + 1)) + 1);
      if (end <= from) return reply(refusal(416, "InvalidRange", *range));
      a.status = 206;
      a.headers["Content-Range"] = "bytes " + std::to_string(from) + '-' + std::to_string(end - 1) +
                                   '/' + std::to_string(size);
    }
    send_object(*found, a, from, end, is_head);
  }

  void send_object(
      const object& o, const answer& a, std::uint64_t from, std::uint64_t end, bool is_head) {
    const std::string head = head_of(a, end - from, keeps_alive());
    if (is_head) return send(head);
    if (how_.latency.count() > 0) std::this_thread::sleep_for(how_.latency);
    peer_.write(head);
    std::uint64_t begin = 0; // of the piece
    for (const piece& p : o.pieces) {
      const std::uint64_t first = std::clamp(from, begin, begin + p.size) - begin;
      const std::uint64_t last = std::clamp(end, begin, begin + p.size) - begin;
      peer_.write({p.bytes.get() + first, last - first});
      begin += p.size;
    }
    peer_.flush();
  }

  std::string key() const { return has_key_ ? asked_.path.substr(bucket_.size() + 1) : ""; }

  stream& peer_;
  object_table& objects_;
  const behaviour& how_;
  const request& asked_;
  std::string bucket_;
  bool has_key_ = false;
  bool keep_alive_ = true;
};

} // namespace

void serve(stream& peer, object_table& objects, const behaviour& how) {
  for (;;) {
    const std::string head = peer.read_head();
    if (head.empty()) return;
    const request asked = parse_request(head);
    exchange one(peer, objects, how, asked);
    one.run();
    if (!one.keeps_alive()) return;
  }
}

} // namespace sink
