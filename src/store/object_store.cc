// What is said in whole objects becomes requests here; how each is sent is the driver's affair, and
// whether once more the decorator's (retrying.hpp).
#include "object_store.hpp"

#include "leftovers.hpp"
#include "removing.hpp"
#include "resuming_source.hpp"
#include "uploading.hpp"

#include <wale/base/log.hpp>
#include <wale/base/wall_clock.hpp>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

namespace wale::store {
namespace {

class object_store final : public store {
public:
  object_store(
      io::runtime& rt, std::unique_ptr<bucket> remote, std::string root, retry_policy policy)
      : runtime_(rt), remote_(std::move(remote)), root_(std::move(root)),
        resumption_{rt, *remote_, policy, make_random_source()} {}

  std::string url(const object_key& key) const override {
    return remote_->traits().url_root + prefix() + key.name;
  }

  std::string prefix() const override {
    const std::size_t first = root_.find_first_not_of('/');
    return first == std::string::npos ? std::string() : root_.substr(first);
  }

  std::string kind_name() const override { return remote_->traits().kind_name; }

  std::size_t staging_blocks() const override { return staging_for_parts; }
  bool gathers_parts() const override { return true; }

  task<> prepare() override { co_await sweep(); }

  // An upload younger than a day may still be under way.
  task<> sweep() override {
    constexpr std::int64_t a_day_ns = 24LL * 60 * 60 * 1'000'000'000;
    std::vector<unfinished_upload> found;
    try {
      found = co_await remote_->unfinished(root_);
    } catch (const failure& f) {
      if (f.why() == kind::interrupted) throw;
      log::debug(
          "wal_e.worker.upload",
          {"could not look for unfinished uploads", f.text().msg + " " + f.text().detail});
    }
    for (const unfinished_upload& u : found) {
      if (u.begun_ns > now_ns() - a_day_ns || !may_be_ours(u.key)) continue;
      upload old;
      old.key = u.key;
      old.id = u.id;
      co_await abort_quietly(runtime_, *remote_, std::move(old));
    }
  }

  task<put_result> put(put_request request, io::source& body) override {
    std::string key = root_ + request.key.name;
    co_return co_await upload_body(runtime_, *remote_, std::move(key), std::move(request), body);
  }

  task<std::unique_ptr<io::source>> get(object_key key, io::block_budget budget) override {
    co_return co_await open_resuming(resumption_, root_ + key.name, std::move(budget));
  }

  task<std::optional<object_attributes>> head(object_key key) override {
    const std::optional<object_facts> facts = co_await remote_->head(root_ + key.name);
    if (!facts) co_return std::nullopt;
    object_attributes a;
    a.size = facts->size;
    a.plain_digest = facts->plain_digest;
    co_return a;
  }

  task<std::vector<object_info>> list(std::string key_prefix) override {
    std::vector<object_info> found;
    const std::string wanted = root_ + key_prefix;
    std::string last;
    bool more = true;
    while (more) {
      list_page page = co_await remote_->list(wanted, last);
      if (page.more && page.objects.empty()) throw stuck_listing(wanted, last, "nothing");
      for (object_info& o : page.objects) {
        if (!o.key.name.starts_with(wanted) || o.key.name <= last)
          throw stuck_listing(wanted, last, "\"" + o.key.name + "\"");
        last = o.key.name;
        o.key.name.erase(0, root_.size());
        if (!o.key.name.empty()) found.push_back(std::move(o));
      }
      more = page.more;
    }
    co_return found;
  }

  task<> remove(std::vector<object_key> keys) override {
    std::vector<std::string> names;
    names.reserve(keys.size());
    for (const object_key& key : keys)
      names.push_back(root_ + key.name);
    co_await remove_objects(runtime_, *remote_, std::move(names));
  }

private:
  // Other programs' uploads to the same bucket look the same.
  bool may_be_ours(std::string_view key) const {
    const auto is_below = [&](std::string_view top) {
      return key.starts_with(root_ + std::string(top) + '/');
    };
    return std::ranges::any_of(top_directories, is_below);
  }

  // Believing it would end in an endless listing, or in a backup that lacks objects.
  static failure
  stuck_listing(const std::string& wanted, const std::string& last, const std::string& got) {
    return failure(
        kind::unavailable,
        "the store's listing is not in order",
        "Of \"" + wanted + "\" what comes after \"" + last + "\" was asked for, and " + got +
            " came.",
        "Is this server one that wal-e knows? It repeats pages, or sorts names in its own way.");
  }

  io::runtime& runtime_;
  std::unique_ptr<bucket> remote_;
  std::string root_;
  resumption resumption_;
};

} // namespace

std::unique_ptr<store> make_object_store(
    io::runtime& rt, std::unique_ptr<bucket> remote, std::string root, retry_policy policy) {
  return std::make_unique<object_store>(rt, std::move(remote), std::move(root), policy);
}

} // namespace wale::store
