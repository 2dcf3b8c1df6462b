#include "core/rollout/schedule.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace golong {
namespace {

// Tokens of a response that have keys and values when its next token is computed.
int64_t place_needed(const Response& response) {
  return std::max<int64_t>(1, static_cast<int64_t>(response.token_ids.size()));
}

}  // namespace

int64_t ActiveGroup::count(ActiveSample::State state) const {
  return std::ranges::count(samples, state, &ActiveSample::state);
}

bool ActiveGroup::is_expected() const { return !is_loaded() && count(ActiveSample::State::waiting) > 0; }

RolloutSchedule::RolloutSchedule(KvMemory& memory, int64_t max_running, bool share_prefixes)
    : memory_(memory), max_running_(max_running), share_prefixes_(share_prefixes) {}

ActiveGroup& RolloutSchedule::add(Group& group) {
  ActiveGroup& active = groups_.emplace_back();
  active.group = &group;
  active.index = added_++;
  active.samples.resize(group.responses.size());
  if (share_prefixes_) active.names = prefix_names(group.prompt.token_ids);
  memory_.expect(active.names, 1);
  return active;
}

RolloutSchedule::~RolloutSchedule() {
  for (ActiveGroup& active : groups_) {
    if (active.is_expected()) memory_.expect(active.names, -1);
    for (ActiveSample& sample : active.samples) memory_.release(sample.own);
    memory_.release(active.prompt);
  }
}

std::vector<Entry> RolloutSchedule::admit() {
  std::vector<Entry> entries;
  // Where nothing runs, prompts that stay for their other responses make room for the first group that waits.
  bool first = running_ == 0;
  for (ActiveGroup& active : groups_) {
    if (running_ > 0 || active.count(ActiveSample::State::waiting) == 0 || std::exchange(first, false)) continue;
    if (active.is_loaded()) unload(active);
  }
  for (size_t i = 0; i < groups_.size() && running_ < max_running_; ++i) {
    ActiveGroup& active = groups_[i];
    const int64_t waiting = active.count(ActiveSample::State::waiting);
    if (waiting == 0) continue;
    std::vector<size_t> samples = fitting(active);
    const bool all = static_cast<int64_t>(samples.size()) == waiting;
    // Order is kept: nothing overtakes what has no room. A group that is new waits until all of it has.
    if (samples.empty() || (!all && i >= entered_ && running_ > 0)) break;
    entries.push_back(enter(active, std::move(samples)));
    entered_ = std::max(entered_, i + 1);
    if (!all) break;
  }
  return entries;
}

// The waiting responses of a group for which there is room. One page stays free for each response that runs, so that
// what enters is not sent back at the next token.
std::vector<size_t> RolloutSchedule::fitting(const ActiveGroup& active) const {
  int64_t free = memory_.available() - running_, room = max_running_ - running_;
  if (!active.is_loaded()) free -= memory_.cost(active.group->prompt.token_ids, active.names);
  std::vector<size_t> fit;
  for (size_t i = 0; i < active.samples.size() && room > 0; ++i) {
    if (active.samples[i].state != ActiveSample::State::waiting) continue;
    const int64_t pages = pages_of(place_needed(active.group->responses[i]));
    const bool alone = running_ == 0 && fit.empty();
    if (free < pages + (alone ? 0 : 1)) break;
    free -= pages + 1;
    --room;
    fit.push_back(i);
  }
  return fit;
}

Entry RolloutSchedule::enter(ActiveGroup& active, std::vector<size_t> samples) {
  const std::vector<int32_t>& tokens = active.group->prompt.token_ids;
  const auto length = static_cast<int64_t>(tokens.size());
  Entry entry{&active, length, std::move(samples)};
  bool fits = true;
  if (!active.is_loaded()) {
    memory_.share(active.prompt, tokens, active.names);
    memory_.expect(active.names, -1);
    entry.prompt_start = active.prompt.tokens;
    fits = memory_.extend(active.prompt, length);
    if (fits) memory_.keep(active.prompt, tokens, active.names);
  }
  for (size_t i : entry.samples) {
    ActiveSample& sample = active.samples[i];
    sample.state = ActiveSample::State::running;
    fits = fits && memory_.extend(sample.own, place_needed(active.group->responses[i]));
  }
  if (!fits) throw std::logic_error("a response entered without room");
  running_ += static_cast<int64_t>(entry.samples.size());
  return entry;
}

std::vector<ActiveGroup*> RolloutSchedule::make_room() {
  std::vector<ActiveGroup*> groups;
  for (size_t i = 0; i < entered_; ++i) {
    ActiveGroup& active = groups_[i];
    for (size_t s = 0; s < active.samples.size(); ++s) {
      ActiveSample& sample = active.samples[s];
      const auto tokens = static_cast<int64_t>(active.group->responses[s].token_ids.size());
      while (sample.state == ActiveSample::State::running && !memory_.extend(sample.own, tokens)) send_back_last();
    }
    if (active.count(ActiveSample::State::running) > 0) groups.push_back(&active);
  }
  return groups;
}

void RolloutSchedule::send_back_last() {
  for (size_t i = entered_; i-- > 0;) {
    for (size_t s = groups_[i].samples.size(); s-- > 0;) {
      if (groups_[i].samples[s].state != ActiveSample::State::running) continue;
      ++sent_back_;
      return stop(groups_[i], groups_[i].samples[s], ActiveSample::State::waiting);
    }
  }
  throw std::logic_error("nothing runs that could give way");
}

void RolloutSchedule::finish(ActiveGroup& active, size_t sample) {
  stop(active, active.samples[sample], ActiveSample::State::done);
}

void RolloutSchedule::stop(ActiveGroup& active, ActiveSample& sample, ActiveSample::State state) {
  sample.state = state;
  memory_.release(sample.own);
  --running_;
  if (active.count(ActiveSample::State::running) > 0) return;
  // The prompt stays for responses that are still to begin, but not where memory was wanted.
  if (state == ActiveSample::State::waiting || active.count(ActiveSample::State::waiting) == 0) unload(active);
}

void RolloutSchedule::unload(ActiveGroup& active) {
  memory_.release(active.prompt);
  if (active.is_expected()) memory_.expect(active.names, 1);
}

std::vector<RolloutSchedule::Over> RolloutSchedule::retire() {
  std::vector<Over> all;
  for (size_t i = 0; i < entered_;) {
    const ActiveGroup& active = groups_[i];
    if (active.count(ActiveSample::State::done) < static_cast<int64_t>(active.samples.size())) {
      ++i;
      continue;
    }
    all.push_back({active.index, active.group});
    groups_.erase(groups_.begin() + static_cast<int64_t>(i));
    --entered_;
  }
  return all;
}

}  // namespace golong
