// Which link of the chain decides.
#include "aws_chain.hpp"
#include "aws_fixture.hpp"

#include <wale/base/secret.hpp>

using namespace wale;
using namespace wale::store;
using namespace wale::store::test;

namespace {

task<> ask(io::runtime& rt, variables set, aws_chain_options options, std::string& key_id) {
  http::client client(rt, {});
  std::exception_ptr error;
  try {
    const auto source = make_credential_chain(rt, client, environment(std::move(set)), options);
    const aws_credentials keys = co_await source->get();
    key_id = keys.key_id;
  } catch (...) {
    error = std::current_exception();
  }
  co_await client.close();
  if (error) std::rethrow_exception(error);
}

answer metadata(const received_request& r) {
  if (r.method == "PUT") return reply("t");
  return r.target.ends_with("/") ? reply("role") : reply(credentials_json("instance"));
}

answer sts(const received_request&) {
  return reply("<R><Q><Credentials><AccessKeyId>web</AccessKeyId><SecretAccessKey>s"
               "</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2030-01-01T00:00:00Z"
               "</Expiration></Credentials></Q></R>");
}

} // namespace

WALE_IO_TEST("the first link that is configured decides") {
  const scratch_dir dir;
  dir.write(
      ".aws/credentials", "[default]\naws_access_key_id = profile\naws_secret_access_key = s\n");
  dir.write("token", "x");
  scripted_peer instance(metadata);
  scripted_peer container(
      [](const received_request&) { return reply(credentials_json("container")); });
  scripted_peer web(sts);
  variables set;
  set["AWS_ACCESS_KEY_ID"] = "static";
  set["AWS_SECRET_ACCESS_KEY"] = "s";
  set["AWS_WEB_IDENTITY_TOKEN_FILE"] = dir / "token";
  set["AWS_ROLE_ARN"] = "r";
  set["AWS_ENDPOINT_URL_STS"] = web.url();
  set["HOME"] = dir.path();
  set["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = container.url();
  set["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = instance.url();
  std::string found;

  aws_chain_options only_instance;
  only_instance.only_instance_profile = true;
  co_await ask(rt, set, only_instance, found);
  CHECK(found == "instance");
  aws_chain_options option;
  option.key_id = "option";
  co_await ask(rt, set, option, found);
  CHECK(found == "option");
  const aws_chain_options none;
  co_await ask(rt, set, none, found);
  CHECK(found == "static");
  CHECK(web.requests().empty());
  CHECK(container.requests().empty());
  CHECK(instance.requests().size() == 3);
  set.erase("AWS_ACCESS_KEY_ID");
  set.erase("AWS_SECRET_ACCESS_KEY");
  co_await ask(rt, set, none, found);
  CHECK(found == "web");
  set.erase("AWS_WEB_IDENTITY_TOKEN_FILE");
  co_await ask(rt, set, none, found);
  CHECK(found == "profile");
  set.erase("HOME");
  co_await ask(rt, set, none, found);
  CHECK(found == "container");
  set.erase("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  co_await ask(rt, set, none, found);
  CHECK(found == "instance");
}

WALE_IO_TEST("a link that is configured and does not work ends the search") {
  scripted_peer instance(metadata);
  scripted_peer container([](const received_request&) { return reply("", 500); });
  variables set;
  set["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = container.url();
  set["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = instance.url();
  std::string found;
  const aws_chain_options none;
  const failure f = failure_in(co_await error_of(ask(rt, set, none, found)));
  CHECK(f.why() == kind::unavailable);
  CHECK(instance.requests().empty());
}

WALE_IO_TEST("without any credentials WAL-E's words are said") {
  variables set;
  set["AWS_EC2_METADATA_DISABLED"] = "true";
  std::string found;
  const aws_chain_options none;
  const failure f = failure_in(co_await error_of(ask(rt, set, none, found)));
  CHECK(f.why() == kind::configuration);
  CHECK(f.text().msg == "AWS Access Key credential is required but not provided");
  CHECK(
      f.text().hint == "Pass \"--aws-access-key-id\" or set the environment variable "
                       "\"AWS_ACCESS_KEY_ID\".");
}
