// Swift with auth version 1: v1/account/container/object.
#include "json.hpp"
#include "protocols.hpp"

namespace sink {
namespace {

constexpr std::size_t page_limit = 10'000; // API reference, "Show container details", limit
constexpr std::string_view account = "v1/AUTH_bench/";

class swift_exchange final : public exchange {
public:
  using exchange::exchange;

private:
  void respond() override {
    const bool is_object = asked_.path.starts_with(account) &&
                           asked_.path.find('/', account.size()) != asked_.path.npos;
    if (asked_.method == "PUT" && asked_.asks("multipart-manifest")) return reply(compose());
    if (asked_.method == "PUT") return reply(put());
    discard_body();
    if (asked_.path == "auth/v1.0") return reply(sign_in());
    if (asked_.method == "HEAD" && !is_object) return reply({204});
    if (asked_.method == "GET" && asked_.path.starts_with(account) && !is_object)
      return reply(list());
    if (asked_.method == "DELETE") {
      const bool was_there = objects_.find(asked_.path) != nullptr;
      objects_.erase(asked_.path);
      return reply({was_there ? 204 : 404});
    }
    if (asked_.method == "GET" || asked_.method == "HEAD")
      return send_stored(asked_.path, "Not Found");
    reply(refusal(405, "Method Not Allowed", asked_.method));
  }

  answer refusal(int status, const std::string& code, const std::string& message) const override {
    const std::string page = "<html><h1>" + code + "</h1><p>" + escape_xml(message) + "</p></html>";
    // By X-Trans-Id clients know that no proxy says so.
    return {status, {{"Content-Type", "text/html; charset=UTF-8"}, {"X-Trans-Id", "tx0"}}, page};
  }

  answer sign_in() {
    const std::string url = "http://" + asked_.header("host").value_or("") + "/";
    return {
        200,
        {{"X-Storage-Url", url + std::string(account.substr(0, account.size() - 1))},
         {"X-Auth-Token", "token"},
         {"X-Storage-Token", "token"},
         {"X-Auth-Token-Expires", "86400"}}};
  }

  answer put() {
    object made;
    made.pieces.push_back(read_body(asked_.path));
    return insert(std::move(made));
  }

  /// A static large object, of the objects that its manifest names.
  answer compose() {
    object made;
    for (const std::string& path : json_members(read_document(), "path")) {
      const std::string name = std::string(account) + path.substr(path.starts_with('/') ? 1 : 0);
      const object_pointer segment = objects_.find(name);
      if (!segment) return refusal(400, "Bad Request", "no " + name);
      made.pieces.insert(made.pieces.end(), segment->pieces.begin(), segment->pieces.end());
    }
    made.headers["X-Static-Large-Object"] = "True";
    return insert(std::move(made));
  }

  answer insert(object made) {
    made.headers.merge(stored_headers("x-object-meta-"));
    if (!objects_.insert(asked_.path, std::move(made), asked_.header("if-none-match") == "*"))
      return refusal(412, "Precondition Failed", "If-None-Match");
    // The client says what it expects, and has nothing to compare.
    return {201, {{"ETag", asked_.header("etag").value_or("")}}};
  }

  answer list() {
    const std::string root = asked_.path + '/';
    const object_table::listing found = objects_.list(
        root + asked_.query_value("prefix"), root + asked_.query_value("marker"), page_limit);
    std::string text = "[";
    for (const auto& [name, one] : found) {
      // Times here have microseconds and no zone.
      const std::string seconds = iso_date(one->modified).substr(0, 19);
      text += (text.size() > 1 ? "," : "") + std::string("{\"name\":") +
              json_text(name.substr(root.size())) + ",\"bytes\":" + std::to_string(one->size()) +
              ",\"hash\":" + json_text(one->etag.substr(1, one->etag.size() - 2)) +
              R"(,"content_type":"application/octet-stream","last_modified":")" + seconds +
              ".000000\"}";
    }
    return {200, {{"Content-Type", "application/json; charset=utf-8"}}, text + "]"};
  }
};

} // namespace

std::unique_ptr<exchange> speak_swift(const surroundings& all) {
  return std::make_unique<swift_exchange>(all);
}

} // namespace sink
