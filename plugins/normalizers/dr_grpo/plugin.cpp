// Dr. GRPO: A_i = r_i - mean_u, without the standard deviation that favours groups of nearly equal rewards. A group of
// one has mean 0.
#include "plugins/common/statistics.h"

using namespace golong::sdk;

namespace {

class DrGrpo : public Normalizer {
 public:
  void compute(const Batch& batch, std::span<double> advantages, const Metrics&) override {
    auto groups = golong::plugins::moments_by_group(batch);
    for (size_t i = 0; i < batch.size(); ++i) {
      const auto& group = groups[batch.group(i)];
      advantages[i] = batch.scored(i) ? batch.reward(i) - (group.count > 1 ? group.mean() : 0) : 0;
    }
  }
};

}  // namespace

GOLONG_LIBRARY("dr_grpo",
               normalizer<DrGrpo>("dr_grpo", "1.0.0", "distance from the group's mean, not scaled", {}, thread_safe))
