// Scores all responses of a step in parallel, natively, each with a deadline. Results do not depend on the number of
// threads or the order.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/data/group.h"
#include "core/plugin/registry.h"

namespace golong {

// True where a response's reward enters statistics and training: it was scored, or the config gives its outcome a
// reward (rewards.timeout_reward, rewards.error_reward). The outcome stays what it was.
inline bool counts(const Response& response, const RewardsConfig& config) {
  return response.outcome == Outcome::scored || (response.outcome == Outcome::timeout && config.timeout_reward) ||
         (response.outcome == Outcome::error && config.error_reward);
}

class Scorer {
 public:
  // Copies the config. A reward is made when the first group asks for it; threads start at once.
  Scorer(const Config& config, std::shared_ptr<const plugin::Registry> registry);

  // Waits for calls that run, of isolated rewards until their deadline and grace at the most. Calls that were given up
  // keep what they use.
  ~Scorer();

  // Sets reward, outcome and detail of every response from its text and the prompt's gold. `prepare` runs once for each
  // group (again after a hang, where the plugin is not thread-safe or isolated). Where rewards.gate is set, a response
  // that does not pass the gate of paper C.1 is scored 0.
  //
  // A plugin that misbehaves gives an outcome, and a detail that names plugin, row and response; nothing throws for one
  // response. A score that comes after rewards.deadline_seconds is a timeout. A call that ignores its deadline is given
  // up soon after it: its thread and all that it uses are left to it, and another thread takes its place.
  //
  // A timeout or error for which the config has a reward (rewards.timeout_reward, rewards.error_reward) gets this
  // reward and keeps its outcome; counts() tells.
  //
  // An isolated reward ([rewards.ID] isolate = true) runs in worker processes, one for each thread that needs one. A
  // call that ignores its deadline or dies costs its worker and is a timeout or an error; the group goes on in another.
  //
  // Throws Error when a reward is not known or cannot be made, and when rewards.max_hung_calls calls hang at the same
  // time.
  // May be called from several threads.
  void score(std::vector<Group>& groups) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace golong
