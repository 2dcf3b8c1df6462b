// Calling the functions of a reward: whatever comes back, exceptions included, becomes a ScoreResult. The same code
// runs in the scoring threads and in the worker processes of isolated rewards, so that both give the same results.
#pragma once
#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "core/plugin/registry.h"
#include "core/score/batch.h"

namespace golong {

// One call of a reward's `score`.
struct ScoreCall {
  const std::string& text;             // the response, valid UTF-8
  Clock::time_point deadline;          // a score that comes later is a timeout
  std::chrono::nanoseconds allowed;    // the time until then, for messages
  const std::atomic<bool>& cancelled;  // true when nobody waits any more
};

// Reads the gold. Nothing where that went well: then `prepared` is to be released. Else the outcome of all responses.
std::optional<ScoreResult> call_prepare(const plugin::Instance& instance, const golong_gold& gold, void*& prepared);

// Scores one response. Never throws for what the plugin does.
ScoreResult call_score(const plugin::Instance& instance, const void* prepared, const ScoreCall& call);

// Frees what call_prepare() made. `name` says whose it is, for the log.
void call_release(const plugin::Instance& instance, void* prepared, const std::string& name);

// The time within which a response was to be scored, as messages tell it: "0.05 s (rewards.deadline_seconds)".
std::string deadline_text(std::chrono::nanoseconds allowed);

}  // namespace golong
