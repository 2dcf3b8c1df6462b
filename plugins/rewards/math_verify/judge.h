// Rows whose answers the published system gives to a judge model (paper C.1): what can be said without one.
#pragma once
#include <string>
#include <vector>

#include "plugins/rewards/math_verify/math_score.h"

namespace golong::plugins::math {

// The gold of one row, read once. Its label is `extra_info.ground_truth`, its JSON the column `ground_truth`. Read only
// afterwards: thread-safe.
class JudgedGold {
 public:
  // Throws Unscorable where the published code raises: a reward_mode that it does not know, no reference.
  JudgedGold(const sdk::Gold& gold, Mode mode);

  // 1 where what follows </think> is the reference. Of reward_mode math_verify also 1 where it has the value of a gold
  // answer, else 0; of the others Throws Unscorable: only a judge can tell. Throws Interrupted where `cancelled` says
  // so.
  double score(const sdk::Response& response, const Stop& cancelled) const;

 private:
  std::string reference_;
  Mode mode_;
  bool by_value_;
  std::vector<MathGold> values_;
};

}  // namespace golong::plugins::math
