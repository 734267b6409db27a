#pragma once
// Servers, and proxies before them, repeat in a refusal what they were asked. Its words end up in
// messages, so what of them is a credential of ours is taken out. Pure.

#include <wale/base/secret.hpp>
#include <wale/http/message.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace wale::http {

/// The credentials in this request: in its fields, in its query and in a body that is a form; as
/// they are sent, decoded, and as JSON may write them.
std::vector<wale::secret> secrets_in(const request& what, std::string_view proxy_authorization);

/// Puts `***` in place of each of them.
void conceal(const std::vector<wale::secret>& secrets, std::string& text);
void conceal(const std::vector<wale::secret>& secrets, headers& fields);

} // namespace wale::http
