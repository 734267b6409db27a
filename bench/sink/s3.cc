// S3, path style: bucket/key.
#include "protocols.hpp"

#include <algorithm>

namespace sink {
namespace {

constexpr std::size_t page_limit = 1000; // API reference, ListObjectsV2, max-keys

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

class s3_exchange final : public exchange {
public:
  explicit s3_exchange(const surroundings& all) : exchange(all) {
    const auto slash = asked_.path.find('/');
    bucket_ = asked_.path.substr(0, slash);
    has_key_ = slash != asked_.path.npos && slash + 1 < asked_.path.size();
  }

private:
  void respond() override {
    if (asked_.method == "PUT" && has_key_) return reply(put());
    if (asked_.method == "POST") return reply(post(read_document()));
    discard_body();
    if (asked_.method == "PUT") return reply({});
    if (asked_.method == "DELETE") return reply(remove());
    if (asked_.method == "GET" && !has_key_) return reply(about_bucket());
    if (asked_.method == "HEAD" && !has_key_) return reply({});
    if (asked_.method == "GET" || asked_.method == "HEAD")
      return send_stored(asked_.path, "NoSuchKey");
    reply(refusal(405, "MethodNotAllowed", asked_.method));
  }

  answer refusal(int status, const std::string& code, const std::string& message) const override {
    return {
        status,
        {{"Content-Type", "application/xml"}},
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + code + "</Code><Message>" +
            escape_xml(message) + "</Message><RequestId>1</RequestId></Error>"};
  }

  answer put() {
    piece body = read_body(asked_.path);
    if (asked_.asks("uploadId")) {
      const std::string number = asked_.query_value("partNumber");
      if (!objects_.add_part(asked_.query_value("uploadId"), number, std::move(body)))
        return refusal(404, "NoSuchUpload", asked_.query_value("uploadId"));
      return {200, {{"ETag", "\"part-" + number + "\""}}};
    }
    object made;
    made.pieces.push_back(std::move(body));
    made.headers = stored_headers("x-amz-meta-");
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
              element("UploadId", objects_.begin(stored_headers("x-amz-meta-"))));
    if (asked_.asks("uploadId")) return complete(text);
    return refusal(405, "MethodNotAllowed", "POST");
  }

  answer complete(const std::string& text) {
    const std::string upload = asked_.query_value("uploadId");
    std::optional<object> made = objects_.take(upload, xml_elements(text, "PartNumber"));
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

  std::string key() const { return has_key_ ? asked_.path.substr(bucket_.size() + 1) : ""; }

  std::string bucket_;
  bool has_key_ = false;
};

} // namespace

std::unique_ptr<exchange> speak_s3(const surroundings& all) {
  return std::make_unique<s3_exchange>(all);
}

} // namespace sink
