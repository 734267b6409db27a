#include "azure_xml.hpp"

#include "answer_fields.hpp"

#include <wale/http/message.hpp>
#include <wale/http/url.hpp>

#include <pugixml.hpp>

#include <chrono>
#include <cstdio>
#include <utility>

namespace wale::store {
namespace {

[[noreturn]] void unreadable(const std::string& expected, const std::string& seen) {
  throw failure(
      kind::unavailable,
      "the answer of the object store cannot be read",
      "Expected " + expected + ", but " + seen + ".",
      "If this stays, something that is no Azure Blob service answers at this address: a proxy, a "
      "log-in page, or a wrong WALE_WABS_ENDPOINT.");
}

std::string quoted(std::string_view text) {
  return "\"" + printable(text.substr(0, 60)) + (text.size() > 60 ? "...\"" : "\"");
}

// `2026-11-20 18:45:57+00:00`, the text of the datetime that Python's driver gave WAL-E.
std::string as_wal_e_prints(std::chrono::sys_seconds time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  char text[64];
  std::snprintf(
      text,
      sizeof text,
      "%04d-%02u-%02u %02d:%02d:%02d+00:00",
      static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()),
      static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  return text;
}

// Names that XML cannot hold come percent-encoded and marked as such (List Blobs, 2021-02-12).
std::string name_in(pugi::xml_node blob) {
  const pugi::xml_node node = blob.child("Name");
  std::string name = node.child_value();
  if (name.empty()) unreadable("a Name of each blob", "there is none");
  if (!node.attribute("Encoded").as_bool()) return name;
  try {
    return http::percent_decode(name);
  } catch (const failure&) {
    unreadable("a percent-encoded name", "it is " + quoted(name));
  }
}

object_info object_in(pugi::xml_node blob) {
  const pugi::xml_node properties = blob.child("Properties");
  const std::string_view length = properties.child_value("Content-Length");
  const std::string_view modified = properties.child_value("Last-Modified");
  const auto size = parse_number(length);
  // Never guessed: what is deleted hangs on it.
  const auto time = http::parse_date(modified);
  if (!size) unreadable("a Content-Length of each blob", "it is " + quoted(length));
  if (!time) unreadable("a Last-Modified of each blob", "it is " + quoted(modified));
  object_info object;
  object.key.name = name_in(blob);
  object.size = *size;
  object.modified_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(time->time_since_epoch()).count();
  object.last_modified = as_wal_e_prints(*time);
  return object;
}

} // namespace

azure_listing parse_azure_listing(std::string_view xml) {
  pugi::xml_document doc;
  // Neither DOCTYPE nor entities of its own: pugixml knows only XML's five and numbers. Blanks are
  // kept, since a name may consist of them.
  const auto result =
      doc.load_buffer(xml.data(), xml.size(), pugi::parse_default | pugi::parse_ws_pcdata_single);
  const std::string expected = "an XML document EnumerationResults";
  if (!result) unreadable(expected, "it begins with " + quoted(xml));
  const pugi::xml_node root = doc.document_element();
  const pugi::xml_node blobs = root.child("Blobs");
  if (std::string_view(root.name()) != "EnumerationResults" || !blobs)
    unreadable(expected, "it is a " + quoted(root.name()));
  // Its absence would look like the end of the list.
  if (!root.child("NextMarker")) unreadable("a NextMarker", "there is none");
  azure_listing list;
  list.next_marker = root.child_value("NextMarker");
  for (const pugi::xml_node blob : blobs.children("Blob")) {
    const std::string_view type = blob.child("Properties").child_value("ResourceType");
    if (type != "directory") list.objects.push_back(object_in(blob));
  }
  return list;
}

std::optional<azure_error> parse_azure_error(std::string_view xml) {
  pugi::xml_document doc;
  if (!doc.load_buffer(xml.data(), xml.size())) return std::nullopt;
  const pugi::xml_node root = doc.document_element();
  if (std::string_view(root.name()) != "Error") return std::nullopt;
  azure_error e;
  e.code = root.child_value("Code");
  e.message = root.child_value("Message");
  e.detail = root.child_value("AuthenticationErrorDetail");
  return e;
}

std::string compose_block_list(const std::vector<uploaded_part>& parts) {
  std::string xml = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<BlockList>";
  for (const uploaded_part& part : parts)
    xml += "<Latest>" + part.tag + "</Latest>";
  return xml += "</BlockList>";
}

} // namespace wale::store
