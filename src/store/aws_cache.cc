#include "aws_cache.hpp"

#include "refreshed.hpp"

#include <wale/base/error.hpp>

#include <utility>

namespace wale::store {
namespace {

class refreshing : public credential_source, private refreshed<aws_credentials> {
public:
  explicit refreshing(std::unique_ptr<credential_provider> provider)
      : refreshed("AWS credentials", "wal_e.blobstore.s3"), provider_(std::move(provider)) {}

  task<aws_credentials> get() override { return good(); }
  bool forget() override {
    drop();
    return true;
  }

private:
  task<aws_credentials> fetch() override {
    std::optional<aws_credentials> found = co_await provider_->fetch();
    if (!found) throw failure(kind::bug, "a credential provider gave nothing");
    co_return std::move(*found);
  }

  std::unique_ptr<credential_provider> provider_;
};

} // namespace

std::unique_ptr<credential_source> make_refreshing(std::unique_ptr<credential_provider> provider) {
  return std::make_unique<refreshing>(std::move(provider));
}

} // namespace wale::store
