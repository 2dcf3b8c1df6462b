// Scores all responses of a step in parallel, natively, each with a deadline. Results do not depend on the number of
// threads or the order.
#pragma once
#include <array>
#include <cstdint>
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
  // Makes the rewards that are asked for on first use. Copies the config.
  Scorer(const Config& config, std::shared_ptr<const plugin::Registry> registry);
  ~Scorer();

  // Sets reward, outcome and detail of every response from its text and the prompt's gold. `prepare` runs once for each
  // group. Applies the gate of paper C.1 where rewards.gate is set. A plugin that misbehaves gives an outcome and a
  // detail that names plugin, row and response; nothing throws for one response.
  // Throws Error when a reward id is unknown, and when too many responses hung.
  void score(std::vector<Group>& groups) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace golong
