// One group on its way to its reward: what has to be scored, and where the results go, whoever makes the calls.
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/data/group.h"
#include "core/plugin/registry.h"
#include "core/score/batch.h"
#include "core/score/watchdog.h"

namespace golong {

// What all jobs of a scorer share.
struct ScoreContext {
  std::chrono::nanoseconds deadline;  // of one response
  std::chrono::nanoseconds grace;     // after it, before a call is given up
  std::shared_ptr<Watchdog> watchdog;

  // Reading the gold serves the whole group and may open files: it has ten times as long as a response.
  std::chrono::nanoseconds prepare_deadline() const { return deadline * 10; }
};

// "it did not return in 0.5 s": a `prepare` or `release` that hangs.
std::string prepare_deadline_text(const ScoreContext& context);

// One response on its way to a reward. Owns its text, since a call that hangs may read it for ever.
struct ScoreItem {
  size_t response;  // index in its group
  std::string text;
};

struct GroupWork {
  std::shared_ptr<Batch> batch;
  const plugin::Plugin* reward;  // of a registry that whoever works here keeps
  std::shared_ptr<const Gold> gold;
  std::string uid;  // of the row
  size_t group;     // index in the batch
  std::vector<ScoreItem> items;

  // "reward em (/lib/em.so), row rows.jsonl:7", and ", response 3".
  std::string name() const;
  std::string name(size_t item) const;

  // Reports an item to the batch. Details of what was not scored say whose they are.
  void finish(size_t item, ScoreResult result) const;

  // The same result for this item and all that follow.
  void finish_from(size_t item, const ScoreResult& result) const;
};

}  // namespace golong
