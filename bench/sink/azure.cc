// Azure Blob, with the account in the path as emulators have it: account/container/blob.
#include "protocols.hpp"

namespace sink {
namespace {

constexpr std::size_t page_limit = 5000; // REST reference, List Blobs, maxresults

std::string element(const char* name, const std::string& text) {
  return std::string("<") + name + '>' + escape_xml(text) + "</" + name + '>';
}

class azure_exchange final : public exchange {
public:
  using exchange::exchange;

private:
  void respond() override {
    if (asked_.method == "PUT" && asked_.query_value("comp") == "block") return reply(stage());
    if (asked_.method == "PUT" && asked_.query_value("comp") == "blocklist") return reply(commit());
    if (asked_.method == "PUT") return reply(put());
    discard_body();
    if (asked_.method == "GET" && asked_.query_value("comp") == "list") return reply(list());
    if (asked_.method == "DELETE") {
      const bool was_there = objects_.find(asked_.path) != nullptr;
      objects_.erase(asked_.path);
      return reply(was_there ? answer{202} : refusal(404, "BlobNotFound", asked_.path));
    }
    if (asked_.method == "GET" || asked_.method == "HEAD")
      return send_stored(asked_.path, "BlobNotFound");
    reply(refusal(405, "UnsupportedHttpVerb", asked_.method));
  }

  answer refusal(int status, const std::string& code, const std::string& message) const override {
    return {
        status,
        {{"Content-Type", "application/xml"}, {"x-ms-error-code", code}},
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Error>" + element("Code", code) +
            element("Message", message) + "</Error>"};
  }

  answer stage() {
    objects_.stage(asked_.path, asked_.query_value("blockid"), read_body(asked_.path));
    return {201};
  }

  answer commit() {
    const std::string text = read_document();
    std::vector<std::string> ids = xml_elements(text, "Latest");
    if (ids.empty()) ids = xml_elements(text, "Uncommitted");
    std::optional<object> made = objects_.take(asked_.path, ids);
    if (!made) return refusal(400, "InvalidBlockList", asked_.path);
    return insert(std::move(*made));
  }

  answer put() {
    object made;
    made.pieces.push_back(read_body(asked_.path));
    return insert(std::move(made));
  }

  answer insert(object made) {
    made.headers = stored_headers("x-ms-meta-");
    made.headers["x-ms-blob-type"] = "BlockBlob";
    if (!objects_.insert(asked_.path, std::move(made), asked_.header("if-none-match") == "*"))
      return refusal(409, "BlobAlreadyExists", "If-None-Match: there is one already.");
    answer a{201};
    if (const auto now = objects_.find(asked_.path)) a.headers["ETag"] = now->etag;
    return a;
  }

  answer list() {
    const std::string root = asked_.path + '/';
    object_table::listing found = objects_.list(
        root + asked_.query_value("prefix"), root + asked_.query_value("marker"), page_limit + 1);
    std::string next;
    if (found.size() > page_limit) {
      found.pop_back();
      next = found.back().first.substr(root.size());
    }
    std::string text = "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>";
    for (const auto& [name, one] : found)
      text += "<Blob>" + element("Name", name.substr(root.size())) + "<Properties>" +
              element("Last-Modified", http_date(one->modified)) +
              element("Content-Length", std::to_string(one->size())) + element("Etag", one->etag) +
              "</Properties></Blob>";
    text += "</Blobs>" + element("NextMarker", next) + "</EnumerationResults>";
    return {200, {{"Content-Type", "application/xml"}}, text};
  }
};

} // namespace

std::unique_ptr<exchange> speak_azure(const surroundings& all) {
  return std::make_unique<azure_exchange>(all);
}

} // namespace sink
