// Google Cloud Storage's JSON API. Objects are named bucket/key in the table.
#include "json.hpp"
#include "protocols.hpp"

#include <algorithm>

namespace sink {
namespace {

constexpr std::size_t page_limit = 1000;     // reference, Objects: list, maxResults
constexpr std::size_t envelope_limit = 4096; // our clients' part before the media is far shorter

class gcs_exchange final : public exchange {
public:
  explicit gcs_exchange(const surroundings& all) : exchange(all) {
    const auto start = asked_.path.find("b/");
    const auto behind = asked_.path.find("/o", start);
    bucket_ = asked_.path.substr(start + 2, behind - start - 2);
    if (behind + 3 < asked_.path.size()) key_ = asked_.path.substr(behind + 3);
    if (key_.empty()) key_ = asked_.query_value("name");
  }

private:
  void respond() override {
    const std::string kind = asked_.query_value("uploadType");
    if (asked_.method == "POST" && kind == "multipart") return reply(put());
    if (asked_.method == "POST" && kind == "resumable") return reply(begin());
    if (asked_.method == "PUT" && kind == "resumable") return reply(chunk());
    discard_body();
    if (asked_.method == "DELETE" && kind == "resumable") {
      objects_.abort(asked_.query_value("upload_id"));
      return reply({499});
    }
    if (asked_.method == "GET" && key_.empty()) return reply(list());
    const object_pointer found = objects_.find(name());
    if (!found) return reply(refusal(404, "notFound", "No such object: " + name()));
    if (asked_.method == "DELETE") {
      objects_.erase(name());
      return reply({204});
    }
    if (asked_.query_value("alt") == "media") return send_stored(name(), "notFound");
    reply(facts_of(*found));
  }

  answer refusal(int status, const std::string& code, const std::string& message) const override {
    return {
        status,
        {{"Content-Type", "application/json; charset=UTF-8"}},
        "{\"error\":{\"code\":" + std::to_string(status) + ",\"message\":" + json_text(message) +
            ",\"errors\":[{\"domain\":\"global\",\"reason\":" + json_text(code) + "}]}}"};
  }

  answer facts_of(const object& one) const {
    const auto described = one.headers.find("x-description");
    const std::string metadata =
        described == one.headers.end() ? "{}" : json_object(described->second, "metadata");
    return {
        200,
        {{"Content-Type", "application/json; charset=UTF-8"}},
        R"({"kind":"storage#object","generation":"1","name":)" + json_text(key_) + R"(,"size":")" +
            std::to_string(one.size()) + R"(","metadata":)" + metadata + "}"};
  }

  /// multipart/related: the description, then the media.
  answer put() {
    const std::string type = asked_.header("content-type").value_or("");
    const std::string boundary = type.substr(type.find("boundary=") + 9);
    std::string text = read_text(std::min<std::uint64_t>(asked_.length, envelope_limit));
    const auto described = text.find("\r\n\r\n") + 4;
    const auto media = text.find("\r\n\r\n", described) + 4;
    const std::uint64_t behind = boundary.size() + 8; // line ends and dashes
    const std::uint64_t rest = asked_.length - text.size();
    object made;
    made.headers["x-description"] =
        text.substr(described, text.find("\r\n", described) - described);
    piece body{asked_.length - media - behind};
    if (keeps(key_)) {
      text += read_text(rest);
      std::shared_ptr<char[]> bytes(new char[body.size]);
      std::copy_n(text.data() + media, body.size, bytes.get());
      body.bytes = std::move(bytes);
    } else {
      discard(rest);
    }
    made.pieces.push_back(std::move(body));
    return insert(std::move(made), asked_.query_value("ifGenerationMatch") == "0");
  }

  answer begin() {
    const std::string id = objects_.begin({{"x-description", read_document()}});
    const std::string only_new =
        asked_.query_value("ifGenerationMatch") == "0" ? "&ifGenerationMatch=0" : "";
    return {
        200,
        {{"Location",
          "http://" + asked_.header("host").value_or("") + "/upload/storage/v1/b/" + bucket_ +
              "/o?uploadType=resumable&name=" + escape_url(key_) + only_new + "&upload_id=" + id}}};
  }

  /// `Content-Range: bytes FIRST-LAST/TOTAL`, either side of the slash may be `*`.
  answer chunk() {
    const std::string id = asked_.query_value("upload_id");
    const std::string range = asked_.header("content-range").value_or("");
    const auto slash = range.find('/');
    const std::string first = range.substr(6, range.find('-') - 6);
    // As wide as the longest, so that the table keeps them in order.
    const std::string part = std::string(20 - std::min<std::size_t>(20, first.size()), '0') + first;
    if (asked_.length > 0 && !objects_.add_part(id, part, read_body(key_)))
      return refusal(404, "notFound", id);
    if (range.substr(slash + 1) == "*") {
      const auto dash = range.find('-');
      const std::string last = range.substr(dash + 1, slash - dash - 1);
      return {308, {{"Range", "bytes=0-" + last}}};
    }
    std::optional<object> made = objects_.take_all(id);
    if (!made) return refusal(404, "notFound", id);
    return insert(std::move(*made), asked_.query_value("ifGenerationMatch") == "0");
  }

  answer insert(object made, bool only_new) {
    made.headers["X-Goog-Generation"] = "1";
    if (!objects_.insert(name(), std::move(made), only_new))
      return refusal(412, "conditionNotMet", "ifGenerationMatch");
    const object_pointer now = objects_.find(name());
    return now ? facts_of(*now) : refusal(404, "notFound", name());
  }

  answer list() {
    const std::string root = bucket_ + '/';
    // startOffset is inclusive, and so are our page tokens.
    std::string from = asked_.query_value("pageToken", asked_.query_value("startOffset"));
    if (!from.empty()) --from.back(); // no key lies between but one that ends in 0xff
    object_table::listing found =
        objects_.list(root + asked_.query_value("prefix"), root + from, page_limit + 1);
    std::string next;
    if (found.size() > page_limit) {
      next = found.back().first.substr(root.size());
      found.pop_back();
    }
    std::string items;
    for (const auto& [name, one] : found)
      items += (items.empty() ? "" : ",") + std::string("{\"name\":") +
               json_text(name.substr(root.size())) + R"(,"size":")" + std::to_string(one->size()) +
               R"(","updated":")" + iso_date(one->modified) + "\"}";
    std::string text = R"({"kind":"storage#objects")";
    if (!next.empty()) text += ",\"nextPageToken\":" + json_text(next);
    if (!items.empty()) text += ",\"items\":[" + items + "]";
    return {200, {{"Content-Type", "application/json; charset=UTF-8"}}, text + "}"};
  }

  std::string name() const { return bucket_ + '/' + key_; }

  std::string bucket_;
  std::string key_;
};

} // namespace

std::unique_ptr<exchange> speak_gcs(const surroundings& all) {
  return std::make_unique<gcs_exchange>(all);
}

} // namespace sink
