// Group-relative advantages: A_i = (r_i - mean_u) / (std_u + epsilon), std unbiased. A group of one: mean 0, std 1, as
// the published code has it.
#include "plugins/common/statistics.h"

using namespace golong::sdk;
using golong::plugins::Moments;

namespace {

class Grpo : public Normalizer {
 public:
  explicit Grpo(const Params& params) : epsilon_(params.real("epsilon")) {}

  void compute(const Batch& batch, std::span<double> advantages, const Metrics&) override {
    // Two passes: the deviation of nearly equal rewards must not drown in the rounding of squares.
    std::vector<Moments> groups = golong::plugins::moments_by_group(batch);
    std::vector<double> squares(groups.size(), 0);
    for (size_t i = 0; i < batch.size(); ++i) {
      if (!batch.scored(i)) continue;
      double distance = batch.reward(i) - groups[batch.group(i)].mean();
      squares[batch.group(i)] += distance * distance;
    }
    for (size_t i = 0; i < batch.size(); ++i) {
      const Moments& group = groups[batch.group(i)];
      double count = static_cast<double>(group.count);
      double mean = group.count > 1 ? group.mean() : 0;
      double deviation = group.count > 1 ? std::sqrt(squares[batch.group(i)] / (count - 1)) : 1;
      advantages[i] = batch.scored(i) ? (batch.reward(i) - mean) / (deviation + epsilon_) : 0;
    }
  }

 private:
  double epsilon_;
};

}  // namespace

GOLONG_LIBRARY("grpo",
               normalizer<Grpo>("grpo", "1.0.0", "distance from the group's mean in the group's standard deviations",
                                {real("epsilon", 1e-6, 0, 1, "added to the standard deviation")}, thread_safe))
