// Which responses run: groups enter in their order while there is room, and the last to enter give way when memory runs
// out. What happens depends on tokens and bytes, never on time.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "core/data/group.h"
#include "core/rollout/kv_memory.h"
#include "core/rollout/sampling.h"
#include "core/rollout/stop_strings.h"

namespace golong {

// One response on its way. While it waits its tokens stay, its keys and values do not: they are computed again.
struct ActiveSample {
  enum class State { waiting, running, done };
  State state = State::waiting;
  PageList own;
  SeenTokens seen;                   // by a repetition penalty, where there is one
  std::optional<StopSearch> search;  // where there are stop strings
};

// A group on its way.
struct ActiveGroup {
  Group* group = nullptr;
  size_t index = 0;             // of the groups that were added
  std::vector<uint64_t> names;  // of the prompt's pages that can be shared
  PageList prompt;              // empty while the group is out of memory
  at::Tensor last;              // hidden state of the prompt's last token [1, C], once computed
  std::vector<ActiveSample> samples;

  int64_t count(ActiveSample::State state) const;
  bool is_loaded() const { return !prompt.pages.empty(); }
  bool is_expected() const;  // it is not loaded and is to come
};

// What enters now: its keys and values are to be computed.
struct Entry {
  ActiveGroup* active;
  int64_t prompt_start;         // tokens of the prompt that are computed already
  std::vector<size_t> samples;  // those that enter; with tokens where they were sent back before
};

// Not thread-safe.
class RolloutSchedule {
 public:
  // `share_prefixes`: prompts that begin alike share pages.
  RolloutSchedule(KvMemory& memory, int64_t max_running, bool share_prefixes);
  ~RolloutSchedule();  // gives all pages back
  RolloutSchedule(const RolloutSchedule&) = delete;
  RolloutSchedule& operator=(const RolloutSchedule&) = delete;

  // A group to come, behind the others; it stays where it is until the schedule is gone.
  ActiveGroup& add(Group& group);
  // For responses of more groups; 0 while groups wait.
  int64_t room() const { return entered_ == groups_.size() ? max_running_ - running_ : 0; }

  bool done() const { return groups_.empty(); }
  std::deque<ActiveGroup>& groups() { return groups_; }  // that have not come to their end, in their order

  // Takes in what there is room for: first what was sent back, then new groups, whole ones unless nothing else runs.
  std::vector<Entry> admit();

  // Makes room for the next token of each running response; the last ones wait where there is none. Returns the groups
  // of which responses run.
  std::vector<ActiveGroup*> make_room();

  // A response has come to its end.
  void finish(ActiveGroup& active, size_t sample);

  // Forgets the groups that have come to their end, and says which.
  struct Over {
    size_t index;
    Group* group;
  };
  std::vector<Over> retire();

  int64_t sent_back() const { return sent_back_; }

 private:
  void send_back_last();
  void stop(ActiveGroup& active, ActiveSample& sample, ActiveSample::State state);
  void unload(ActiveGroup& active);
  std::vector<size_t> fitting(const ActiveGroup& active) const;
  Entry enter(ActiveGroup& active, std::vector<size_t> samples);

  KvMemory& memory_;
  const int64_t max_running_;
  const bool share_prefixes_;
  std::deque<ActiveGroup> groups_;
  size_t added_ = 0;
  size_t entered_ = 0;  // the first groups, of which responses run or ran
  int64_t running_ = 0;
  int64_t sent_back_ = 0;  // how often a response had to give way
};

}  // namespace golong
