#include "s3_xml.hpp"

#include "iso_time.hpp"

#include <wale/http/url.hpp>

#include <pugixml.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace wale::store {
namespace {

[[noreturn]] void unreadable(const std::string& expected, const std::string& seen) {
  throw failure(
      kind::unavailable,
      "the answer of the object store cannot be read",
      "Expected " + expected + ", but " + seen + ".",
      "If this stays, something that is no S3 server answers at this address: a proxy, a log-in "
      "page, or a wrong WALE_S3_ENDPOINT.");
}

// The beginning of a hostile text, fit for a log record.
std::string excerpt(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 60))
    out += c >= ' ' && c <= '~' ? c : '.';
  return "\"" + out + (text.size() > 60 ? "...\"" : "\"");
}

class document {
public:
  document(std::string_view xml, std::string expected) : expected_(std::move(expected)) {
    // Neither DOCTYPE nor entities of its own: pugixml knows only the five and numbers.
    const auto result = doc_.load_buffer(xml.data(), xml.size());
    if (!result) {
      unreadable(
          "an XML document " + expected_,
          std::string("it ") + (xml.empty() ? "is empty" : "begins with " + excerpt(xml)) + " (" +
              result.description() + ")");
    }
  }

  pugi::xml_node root() const { return doc_.document_element(); }

  pugi::xml_node root_named_as_expected() const {
    if (root().name() != expected_)
      unreadable("an XML document " + expected_, "it is a " + excerpt(root().name()));
    return root();
  }

  std::string text(pugi::xml_node of, const char* name) const {
    std::string value = of.child_value(name);
    if (value.empty()) unreadable(name + (" in " + expected_), "there is none");
    return value;
  }

  std::uint64_t number(pugi::xml_node of, const char* name) const {
    const std::string value = text(of, name);
    std::uint64_t n = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), n);
    if (error != std::errc() || end != value.data() + value.size())
      unreadable("a number as " + std::string(name), "it is " + excerpt(value));
    return n;
  }

  bool flag(pugi::xml_node of, const char* name) const {
    const std::string_view value = of.child_value(name);
    if (value != "true" && value != "false")
      unreadable("true or false as " + (name + (" in " + expected_)), "it is " + excerpt(value));
    return value == "true";
  }

  // Never guessed: what is deleted hangs on it.
  std::int64_t time(pugi::xml_node of, const char* name) const {
    const std::string value = text(of, name);
    const auto ns = parse_iso_time(value);
    if (!ns) unreadable("a time as " + std::string(name), "it is " + excerpt(value));
    return *ns;
  }

private:
  pugi::xml_document doc_;
  std::string expected_;
};

// EncodingType "url" is that of HTML forms on Amazon: a blank comes as a plus sign.
class key_decoder {
public:
  explicit key_decoder(pugi::xml_node root)
      : encoded_(std::string_view(root.child_value("EncodingType")) == "url") {}

  std::string operator()(std::string key) const {
    if (!encoded_) return key;
    std::ranges::replace(key, '+', ' ');
    try {
      return http::percent_decode(key);
    } catch (const failure&) {
      unreadable("a percent-encoded key", "it is " + excerpt(key));
    }
  }

private:
  bool encoded_;
};

s3_error error_in(pugi::xml_node node) {
  return {
      .code = node.child_value("Code"),
      .message = node.child_value("Message"),
      .region = node.child_value("Region"),
      .endpoint = node.child_value("Endpoint"),
      .bucket = node.child_value("Bucket"),
      .request_id = node.child_value("RequestId"),
      .host_id = node.child_value("HostId")};
}

// Control characters go as references: a parser would change a carriage return, and refuse others
// in any form.
std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  for (const char c : text) {
    switch (c) {
    case '&':
      out += "&amp;";
      break;
    case '<':
      out += "&lt;";
      break;
    case '>':
      out += "&gt;";
      break;
    case '"':
      out += "&quot;";
      break;
    default:
      if (static_cast<unsigned char>(c) < 0x20)
        out += "&#" + std::to_string(static_cast<int>(c)) + ";";
      else
        out += c;
    }
  }
  return out;
}

constexpr std::string_view declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
// The namespace of every document of the S3 API.
constexpr std::string_view name_space = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";

} // namespace

s3_listing parse_listing(std::string_view xml) {
  const document doc(xml, "ListBucketResult");
  const pugi::xml_node root = doc.root_named_as_expected();
  const key_decoder decoded(root);
  s3_listing list;
  list.truncated = doc.flag(root, "IsTruncated");
  list.next_marker = decoded(root.child_value("NextMarker"));
  list.next_token = root.child_value("NextContinuationToken");
  for (const pugi::xml_node node : root.children("Contents")) {
    object_info object;
    object.key.name = decoded(doc.text(node, "Key"));
    object.size = doc.number(node, "Size");
    object.modified_ns = doc.time(node, "LastModified");
    object.last_modified = node.child_value("LastModified");
    list.objects.push_back(std::move(object));
  }
  return list;
}

std::string parse_upload_id(std::string_view xml) {
  const document doc(xml, "InitiateMultipartUploadResult");
  return doc.text(doc.root_named_as_expected(), "UploadId");
}

s3_uploads parse_uploads(std::string_view xml) {
  const document doc(xml, "ListMultipartUploadsResult");
  const pugi::xml_node root = doc.root_named_as_expected();
  const key_decoder decoded(root);
  s3_uploads list;
  list.truncated = doc.flag(root, "IsTruncated");
  list.next_key_marker = decoded(root.child_value("NextKeyMarker"));
  list.next_id_marker = root.child_value("NextUploadIdMarker");
  for (const pugi::xml_node node : root.children("Upload"))
    list.uploads.push_back(
        {.key = decoded(doc.text(node, "Key")),
         .id = doc.text(node, "UploadId"),
         .begun_ns = doc.time(node, "Initiated")});
  return list;
}

std::vector<failed_removal> parse_removals(std::string_view xml) {
  const document doc(xml, "DeleteResult");
  std::vector<failed_removal> list;
  for (const pugi::xml_node node : doc.root_named_as_expected().children("Error"))
    list.push_back(
        {.key = node.child_value("Key"),
         .code = node.child_value("Code"),
         .message = node.child_value("Message")});
  return list;
}

std::optional<s3_error> parse_error(std::string_view xml) {
  pugi::xml_document doc;
  if (!doc.load_buffer(xml.data(), xml.size())) return std::nullopt;
  const pugi::xml_node root = doc.document_element();
  if (std::string_view(root.name()) != "Error") return std::nullopt;
  return error_in(root);
}

s3_completion parse_completion(std::string_view xml) {
  const document doc(xml, "CompleteMultipartUploadResult");
  if (std::string_view(doc.root().name()) == "Error")
    return {.etag = {}, .error = error_in(doc.root())};
  return {.etag = doc.root_named_as_expected().child_value("ETag"), .error = std::nullopt};
}

std::string compose_completion(const std::vector<uploaded_part>& parts) {
  std::string xml(declaration);
  xml.append("<CompleteMultipartUpload").append(name_space);
  for (const uploaded_part& part : parts) {
    xml += "<Part><PartNumber>" + std::to_string(part.number) + "</PartNumber><ETag>" +
           escaped(part.tag) + "</ETag>";
    if (!part.checksum.empty())
      xml += "<ChecksumSHA256>" + escaped(part.checksum) + "</ChecksumSHA256>";
    xml += "</Part>";
  }
  return xml += "</CompleteMultipartUpload>";
}

std::string compose_removal(const std::vector<std::string>& keys) {
  std::string xml(declaration);
  xml.append("<Delete").append(name_space).append("<Quiet>true</Quiet>");
  for (const std::string& key : keys)
    xml += "<Object><Key>" + escaped(key) + "</Key></Object>";
  return xml += "</Delete>";
}

} // namespace wale::store
