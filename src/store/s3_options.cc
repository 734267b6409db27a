// The variables, and the headers that they become.
#include "s3_options.hpp"

#include <wale/base/base64.hpp>
#include <wale/base/digest.hpp>
#include <wale/base/error.hpp>

#include <optional>
#include <string_view>

namespace wale::store {
namespace {

std::string value_of(const settings& how, const char* name) {
  return how.variable ? how.variable(name).value_or("") : "";
}

failure bad_value(const char* name, const std::string& value, std::string expected) {
  return failure(
      kind::configuration,
      std::string(name) + " has an unknown value",
      "It is \"" + value + "\".",
      "Use " + std::move(expected) + ", or unset it.");
}

bool is_on(const settings& how, const char* name, bool unset) {
  const std::string value = value_of(how, name);
  if (value.empty()) return unset;
  if (value == "1" || value == "true") return true;
  if (value == "0" || value == "false") return false;
  throw bad_value(name, value, "1 or 0");
}

s3_options::fields customer_key(const settings& how, bool is_secure) {
  const std::string encoded = value_of(how, "WALE_S3_SSE_CUSTOMER_KEY");
  const std::optional<std::string> key = from_base64(encoded);
  if (!key || key->size() != 32)
    throw failure(
        kind::configuration,
        "WALE_S3_SSE_CUSTOMER_KEY is not a key",
        "It must be 32 bytes in base64 where WALE_S3_SSE is \"customer\".",
        "Make one with: openssl rand -base64 32");
  if (!is_secure)
    throw failure(
        kind::configuration,
        "a customer's encryption key would go over the network in the clear",
        "WALE_S3_SSE is \"customer\" and the endpoint is http.",
        "Use an https endpoint.");
  const std::string prefix = "x-amz-server-side-encryption-customer-";
  s3_options::fields headers;
  headers.emplace_back(prefix + "algorithm", "AES256");
  headers.emplace_back(prefix + "key", encoded);
  headers.emplace_back(prefix + "key-MD5", to_base64(md5(*key)));
  return headers;
}

void choose_encryption(s3_options& o, const settings& how, bool is_secure) {
  const std::string wanted = value_of(how, "WALE_S3_SSE");
  if (wanted.empty() || wanted == "off") return;
  if (wanted == "customer") {
    o.for_all_access = customer_key(how, is_secure);
    return;
  }
  if (wanted != "AES256" && wanted != "aws:kms")
    throw bad_value("WALE_S3_SSE", wanted, "off, AES256, aws:kms or customer");
  o.for_new_objects.emplace_back("x-amz-server-side-encryption", wanted);
  const std::string key_id = value_of(how, "WALE_S3_SSE_KMS_KEY_ID");
  if (wanted == "aws:kms" && !key_id.empty())
    o.for_new_objects.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", key_id);
}

} // namespace

s3_options s3_options_from(const settings& how, bool is_secure, bool is_amazon) {
  s3_options o;
  if (std::string c = value_of(how, "WALE_S3_STORAGE_CLASS"); !c.empty())
    o.for_new_objects.emplace_back("x-amz-storage-class", std::move(c));
  choose_encryption(o, how, is_secure);

  const std::string version = value_of(how, "WALE_S3_LIST_VERSION");
  if (version == "1")
    o.list_version = 1;
  else if (!version.empty() && version != "2")
    throw bad_value("WALE_S3_LIST_VERSION", version, "1 or 2");

  o.sign_payload = !(is_secure && is_on(how, "WALE_S3_UNSIGNED_PAYLOAD", false));
  // The checksum is the digest that is signed; an upload that was promised checksums of its parts
  // takes none without.
  const bool wants_checksum = is_on(how, "WALE_S3_CHECKSUM", is_amazon);
  o.send_checksum = wants_checksum && o.sign_payload;
  o.conditional_writes = is_on(how, "WALE_S3_CONDITIONAL_WRITES", true);
  o.forbidden_is_absent = is_on(how, "WALE_403_IS_ABSENT", false);
  return o;
}

} // namespace wale::store
