#include "core/train/rollout_correction.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/unit/train/token_batch.h"

namespace golong {
namespace {

using ::testing::DoubleNear;
using ::testing::Pointwise;

// Two responses of 4 tokens with these ratios of trainer to rollout.
TokenBatch batch_of(const std::vector<double>& ratios) {
  TokenBatch batch(0, 0);
  batch.lengths = {4, 4};
  batch.response = {0, 0, 0, 0, 1, 1, 1, 1};
  for (size_t i = 0; i < 8; ++i) {
    batch.old_logprobs[i] = -1;
    batch.rollout[i] = -1 - std::log(ratios[i]);
  }
  return batch;
}

std::vector<double> weights(const std::vector<double>& ratios, const RolloutCorrectionConfig& config) {
  at::Tensor made = rollout_weights(batch_of(ratios).input(), config).weights;
  EXPECT_FALSE(made.requires_grad());
  std::vector<double> values;
  for (int64_t i = 0; i < made.size(0); ++i) values.push_back(made[i].item<double>());
  return values;
}

#define EXPECT_WEIGHTS(found, ...) EXPECT_THAT(found, Pointwise(DoubleNear(1e-5), std::vector<double>{__VA_ARGS__}))

// paper A.7: within, outside the limits, and a response with one ratio below the veto.
TEST(RolloutWeights, OfThePaper) {
  const std::vector<double> ratios{1, 0.49, 5.01, 2, 1, 1, 0.00005, 1};
  RolloutCorrectionConfig config{"clip", "token", 5.0, 0.5, 1e-4};
  EXPECT_WEIGHTS(weights(ratios, config), 1, 0, 0, 2, 0, 0, 0, 0);
  at::Tensor vetoed = rollout_weights(batch_of(ratios).input(), config).vetoed;
  EXPECT_EQ(vetoed.sum().item<int64_t>(), 4);
  config.veto = 0;
  EXPECT_WEIGHTS(weights(ratios, config), 1, 0, 0, 2, 1, 1, 0, 1);
}

TEST(RolloutWeights, Modes) {
  const std::vector<double> ratios{1, 0.49, 5.01, 2, 1, 1, 0.3, 1};
  EXPECT_WEIGHTS(weights(ratios, {"mask", "token", 5.0, 0.5, 0}), 1, 0, 0, 1, 1, 1, 0, 1);
  EXPECT_WEIGHTS(weights(ratios, {"truncate", "token", 5.0, 0.5, 0}), 1, 0.49, 5, 2, 1, 1, 0.3, 1);
  EXPECT_WEIGHTS(weights(ratios, {"truncate", "token", 5.0, 0.5, 0.4}), 1, 0.49, 5, 2, 0, 0, 0, 0);
}

// The product and the geometric mean of each response's four ratios; the veto looks at single tokens.
TEST(RolloutWeights, Levels) {
  const std::vector<double> ratios{2, 2, 0.5, 1.28, 0.5, 0.5, 0.5, 1};  // products 2.56 and 0.125
  const double first = std::pow(2.56, 0.25), second = std::pow(0.125, 0.25);
  EXPECT_WEIGHTS(weights(ratios, {"clip", "sequence", 5.0, 0.1, 0}), 2.56, 2.56, 2.56, 2.56, 0.125, 0.125, 0.125,
                 0.125);
  EXPECT_WEIGHTS(weights(ratios, {"clip", "sequence", 2.5, 0.1, 0}), 0, 0, 0, 0, 0.125, 0.125, 0.125, 0.125);
  EXPECT_WEIGHTS(weights(ratios, {"truncate", "sequence", 2.0, 0.5, 0}), 2, 2, 2, 2, 0.125, 0.125, 0.125, 0.125);
  EXPECT_WEIGHTS(weights(ratios, {"clip", "geometric", 5.0, 0.5, 0}), first, first, first, first, second, second,
                 second, second);
  EXPECT_WEIGHTS(weights(ratios, {"mask", "geometric", 5.0, 0.6, 0}), 1, 1, 1, 1, 0, 0, 0, 0);
  EXPECT_WEIGHTS(weights(ratios, {"mask", "geometric", 5.0, 0.0, 0.6}), 0, 0, 0, 0, 0, 0, 0, 0);
}

}  // namespace
}  // namespace golong
