// First the fate of each backup, then that of the WAL, which follows from what is kept.
#include "backup_groups.hpp"

#include <wale/catalog/retention.hpp>

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

namespace wale::catalog {
namespace {

// A group and what is known of it.
struct candidate {
  backup_group* group;
  backup_facts facts;
  bool kept = true;
  std::string reason = {};

  std::uint64_t number() const { return group->start.number(); }
  bool is_complete() const { return group->complete.has_value(); }
  /// Worth keeping in place of an older one.
  bool counts() const { return is_complete() && !group->is_sentinel_empty; }
  /// LATEST is the greatest.
  auto rank() const { return std::tie(facts.taken_ns, group->sentinel_ns, group->name); }
};

// Where nothing tells clusters apart, the two count as one.
bool are_of_one_cluster(const candidate& a, const candidate& b) {
  return !a.facts.system_identifier || !b.facts.system_identifier ||
         *a.facts.system_identifier == *b.facts.system_identifier;
}

// Positions on one timeline of one cluster can be compared.
bool are_on_one_line(const candidate& a, const candidate& b) {
  return a.group->start.tli == b.group->start.tli && are_of_one_cluster(a, b);
}

// So are those on a timeline and on one that its history says descends from it.
bool is_further_on(const candidate& a, const candidate& b, const timeline_histories& histories) {
  const pg::timeline mine = a.group->start.tli;
  const pg::timeline other = b.group->start.tli;
  const bool is_known = mine == other || histories.contains(mine);
  return are_of_one_cluster(a, b) && is_known && may_descend(histories, mine, other) &&
         a.number() >= b.number();
}

class planning {
public:
  explicit planning(const archive_contents& archive)
      : archive_(archive), grouped_(group_backups(archive.backups)) {
    for (backup_group& group : grouped_.groups) {
      candidate c{&group, {group.complete ? group.sentinel_ns : group.newest_ns, {}}};
      if (group.complete)
        if (const auto known = archive.facts.find(*group.complete); known != archive.facts.end())
          c.facts = known->second;
      candidates_.push_back(std::move(c));
    }
    std::ranges::sort(
        candidates_, [](const candidate& a, const candidate& b) { return a.rank() > b.rank(); });
  }

  /// Newest first.
  std::vector<candidate*> complete() {
    std::vector<candidate*> found;
    for (candidate& c : candidates_)
      if (c.is_complete()) found.push_back(&c);
    return found;
  }

  void judge_unfinished(std::uint64_t horizon) {
    for (candidate& c : candidates_) {
      if (c.is_complete()) continue;
      if (archive_.now_ns - c.group->newest_ns < archive_.grace_ns)
        c.reason = "it has no sentinel, but is young: perhaps in progress";
      else if (c.number() < horizon)
        drop(c, "it has no sentinel and is old: never finished");
      else
        c.reason = "it was never finished, but is not before the horizon";
    }
  }

  static void drop(candidate& c, std::string reason) {
    c.kept = false;
    c.reason = std::move(reason);
  }

  /// `horizon`: nothing from this position on goes.
  retention_plan finish(std::uint64_t horizon) {
    retention_plan plan;
    needed_wal needed(archive_.histories);
    for (const candidate& c : candidates_) {
      const backup_group& g = *c.group;
      if (c.kept)
        needed.add(g.start);
      else {
        plan.sentinels.insert(plan.sentinels.end(), g.sentinels.begin(), g.sentinels.end());
        plan.contents.insert(plan.contents.end(), g.contents.begin(), g.contents.end());
      }
      // Of some only keys are left that nobody knows.
      if (!c.kept && g.sentinels.empty() && g.contents.empty()) continue;
      plan.backups.push_back({g.name, c.kept, c.is_complete(), c.facts.taken_ns, c.reason});
    }
    plan.skipped = std::move(grouped_.skipped);
    for (const store::object_info& object : archive_.wal)
      judge_wal(object, horizon, needed, plan);
    return plan;
  }

private:
  static void judge_wal(
      const store::object_info& object,
      std::uint64_t horizon,
      const needed_wal& needed,
      retention_plan& plan) {
    using role = wal_key_role::role;
    const wal_key_role its = role_of_wal_key(object.key);
    if (its.what == role::segment && its.segment.number() < horizon && !needed.needs(its.segment)) {
      plan.wal.push_back({object, its.words});
      return;
    }
    if (its.what == role::odd) plan.skipped.push_back({object.key, its.words});
    ++plan.kept_wal;
  }

  const archive_contents& archive_;
  grouped_backups grouped_;
  std::vector<candidate> candidates_;
};

std::string kept_beside(const candidate& c, const candidate& kept) {
  const bool is_same_timeline = c.group->start.tli == kept.group->start.tli;
  if (is_same_timeline && c.number() == kept.number())
    return "it begins in the same segment as " + kept.group->name;
  return "it is further on " + std::string(is_same_timeline ? "the same" : "a later") +
         " timeline than " + kept.group->name + ", although it seems older";
}

std::vector<candidate*> those_that_count(const std::vector<candidate*>& complete) {
  std::vector<candidate*> counted;
  std::ranges::copy_if(complete, std::back_inserter(counted), &candidate::counts);
  return counted;
}

// Where WAL-E's `retain` draws the line: at the count-th position from the top.
std::uint64_t horizon_of(const std::vector<candidate*>& backups, std::size_t count) {
  std::vector<std::uint64_t> numbers;
  for (const candidate* c : backups)
    numbers.push_back(c->number());
  std::ranges::sort(numbers, std::greater());
  return numbers.at(std::min(count, numbers.size()) - 1);
}

} // namespace

std::optional<retention_horizon> retention_horizon::parse(std::string_view text) {
  if (const auto segment = pg::wal_segment::parse(text)) return retention_horizon{*segment, {}};
  const auto name = backup_name::parse_start(text);
  if (!name) return std::nullopt;
  return retention_horizon{*pg::wal_segment::parse(name->segment()), name};
}

std::string retention_horizon::text() const {
  return backup ? backup->text() : segment.name();
}

retention_plan plan_before(const archive_contents& archive, const retention_horizon& horizon) {
  planning p(archive);
  const std::vector<candidate*> complete = p.complete();
  const auto named = std::ranges::find_if(
      complete, [&](const candidate* c) { return c->group->complete == horizon.backup; });
  for (candidate* c : complete) {
    const bool is_newer =
        named != complete.end() && c->rank() > (*named)->rank() && !are_on_one_line(*c, **named);
    if (c->number() >= horizon.segment.number())
      c->reason = "it is not before " + horizon.text();
    else if (is_newer)
      c->reason = "it was taken after " + horizon.text() + ", on another timeline";
    else
      planning::drop(*c, "it is before " + horizon.text());
  }
  p.judge_unfinished(horizon.segment.number());
  return p.finish(horizon.segment.number());
}

retention_plan plan_retain(const archive_contents& archive, std::size_t count) {
  planning p(archive);
  const std::vector<candidate*> complete = p.complete();
  const std::vector<candidate*> counted = those_that_count(complete);
  if (counted.empty()) {
    for (candidate* c : complete)
      c->reason = "there is none that can be restored";
    p.judge_unfinished(0);
    return p.finish(0);
  }
  const auto newest = std::span<candidate* const>(counted).first(std::min(count, counted.size()));
  const std::string among = count == 1
                                ? "the one that was taken last"
                                : "one of the " + std::to_string(count) + " that were taken last";
  for (candidate* c : complete) {
    const bool is_newest = c->rank() >= newest.back()->rank() || newest.size() < count;
    if (is_newest) {
      c->reason = c->counts() ? "it is " + among : "its sentinel is empty, so it does not count";
      continue;
    }
    // Where it is further on, one clock or the other is wrong, perhaps since the archive was
    // copied.
    const auto overtaken = std::ranges::find_if(
        newest, [&](const candidate* n) { return is_further_on(*c, *n, archive.histories); });
    if (overtaken == newest.end())
      planning::drop(*c, "it is not " + among);
    else
      c->reason = kept_beside(*c, **overtaken);
  }
  const std::uint64_t horizon = horizon_of(counted, count);
  p.judge_unfinished(horizon);
  retention_plan plan = p.finish(horizon);
  plan.oldest_retained = newest.back()->group->complete;
  return plan;
}

retention_plan plan_everything(
    std::span<const store::object_info> backups, std::span<const store::object_info> wal) {
  retention_plan plan;
  const grouped_backups grouped = group_backups(backups);
  std::set<std::string> sentinels;
  for (const backup_group& g : grouped.groups) {
    plan.backups.push_back(
        {g.name, false, g.complete.has_value(), g.newest_ns, "everything is to go"});
    for (const removal& r : g.sentinels)
      sentinels.insert(r.object.key.name);
  }
  std::ranges::sort(plan.backups, std::greater(), &verdict::time_ns);
  for (const store::object_info& object : backups)
    (sentinels.contains(object.key.name) ? plan.sentinels : plan.contents)
        .push_back({object, "part of a base backup"});
  for (const store::object_info& object : wal)
    plan.wal.push_back({object, "part of wal logs"});
  return plan;
}

} // namespace wale::catalog
