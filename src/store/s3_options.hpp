#pragma once
// What can be chosen about the S3 store beside where it is. Pure.
//
// | variable | meaning |
// |---|---|
// | WALE_S3_STORAGE_CLASS | `x-amz-storage-class`, verbatim, as WAL-E |
// | WALE_S3_SSE | server-side encryption: unset or `off`, `AES256`, `aws:kms`, `customer` |
// | WALE_S3_SSE_KMS_KEY_ID | the key for `aws:kms`; unset is the account's default one |
// | WALE_S3_SSE_CUSTOMER_KEY | 32 bytes in base64, for `customer`; a secret |
// | WALE_S3_LIST_VERSION | `2` (default) or `1`: ListObjectsV2 or ListObjects |
// | WALE_S3_UNSIGNED_PAYLOAD | `1`: over TLS, neither signed payload nor checksum |
// | WALE_S3_CHECKSUM | `1` or `0`: `x-amz-checksum-sha256`; by default on Amazon's hosts only |
// | WALE_S3_CONDITIONAL_WRITES | `0`: the server ignores or refuses If-None-Match, HEAD first |
// | WALE_403_IS_ABSENT | `1`: without ListBucket S3 says 403 for absent keys: believe it |

#include <wale/store/open.hpp>

#include <string>
#include <utility>
#include <vector>

namespace wale::store {

struct s3_options {
  using fields = std::vector<std::pair<std::string, std::string>>;

  fields for_new_objects = {}; ///< headers: storage class, encryption
  fields for_all_access = {};  ///< headers: the customer's key; secrets
  int list_version = 2;
  bool sign_payload = true;
  bool send_checksum = false;
  bool conditional_writes = true;
  bool forbidden_is_absent = false;
};

/// Throws kind::configuration for a value that is none of those above.
s3_options s3_options_from(const settings& how, bool is_secure, bool is_amazon);

} // namespace wale::store
