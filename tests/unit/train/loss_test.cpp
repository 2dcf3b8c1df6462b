// The policy loss against the same thing written as loops over numbers, in float64.
#include "core/train/loss.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/random.h"

namespace golong {
namespace {

// Two responses of 3 and 5 tokens, one more response of the step is in another micro-batch.
struct Batch {
  std::vector<int64_t> lengths{3, 5};
  std::vector<double> logprobs, old_logprobs, rollout, advantages;
  std::vector<int64_t> response;

  // `spread`: how far the three kinds of log-probabilities are apart.
  Batch(uint64_t seed, double spread) {
    RandomSequence random(random_key({seed}));
    auto near = [&](double value) { return value + spread * (2 * random.uniform() - 1); };
    for (size_t r = 0; r < lengths.size(); ++r) {
      double advantage = 4 * random.uniform() - 2;
      for (int64_t i = 0; i < lengths[r]; ++i) {
        old_logprobs.push_back(-3 * random.uniform());
        logprobs.push_back(near(old_logprobs.back()));
        rollout.push_back(near(old_logprobs.back()));
        advantages.push_back(advantage);
        response.push_back(static_cast<int64_t>(r));
      }
    }
  }

  LossInput input() const {
    auto floats = [](const std::vector<double>& values) { return at::tensor(values, at::kDouble).to(at::kFloat); };
    return {floats(logprobs).requires_grad_(true), floats(old_logprobs),          floats(rollout), floats(advantages),
            at::tensor(response, at::kLong),       at::tensor(lengths, at::kLong)};
  }
};

// One token's loss before reduction, and its derivative by the log-probability.
struct Token {
  double loss, slope;
};

Token token(double logprob, double old, double advantage, const TrainConfig& c) {
  double ratio = std::exp(logprob - old);
  double clipped = std::clamp(ratio, 1 - c.clip_low, 1 + c.clip_high);
  double loss = -advantage * ratio, slope = -advantage * ratio;
  if (-advantage * clipped > loss) {
    loss = -advantage * clipped;
    slope = 0;
  }
  if (c.dual_clip > 0 && advantage < 0 && loss > -advantage * c.dual_clip) {
    loss = -advantage * c.dual_clip;
    slope = 0;
  }
  return {loss, slope};
}

double weight(const Batch& b, size_t i, const RolloutCorrectionConfig& c) {
  if (c.mode == "none") return 1;
  auto ratio = [&](size_t j) { return std::exp(b.old_logprobs[j] - b.rollout[j]); };
  for (size_t j = 0; j < b.response.size(); ++j) {
    if (b.response[j] == b.response[i] && ratio(j) < c.veto) return 0;
  }
  return ratio(i) < c.lower || ratio(i) > c.upper ? 0 : ratio(i);
}

double divisor(const Batch& b, size_t i, const LossScale& s) {
  switch (s.reduction) {
    case Reduction::token_mean:
      return static_cast<double>(s.tokens);
    case Reduction::sequence_mean:
      return static_cast<double>(b.lengths[b.response[i]] * s.responses);
    default:
      return static_cast<double>(s.responses * s.max_response_tokens);
  }
}

void compare(const Batch& batch, const LossScale& scale, const TrainConfig& config) {
  LossInput input = batch.input();
  LossOutput output = policy_loss(input, scale, config);
  output.loss.backward();
  at::Tensor slopes = input.logprobs.grad();
  double loss = 0;
  for (size_t i = 0; i < batch.response.size(); ++i) {
    Token expected = token(batch.logprobs[i], batch.old_logprobs[i], batch.advantages[i], config);
    double share = weight(batch, i, config.rollout_correction) / divisor(batch, i, scale);
    loss += expected.loss * share;
    EXPECT_NEAR(slopes[static_cast<int64_t>(i)].item<double>(), expected.slope * share, 1e-6) << "token " << i;
  }
  EXPECT_NEAR(output.loss.item<double>(), loss, 1e-6);
}

TEST(PolicyLoss, EqualsTheLoopsForEveryReductionAndClip) {
  for (Reduction reduction : {Reduction::token_mean, Reduction::sequence_mean, Reduction::fixed_length}) {
    for (double dual_clip : {0.0, 1.5, 3.0}) {
      for (const char* mode : {"none", "clip"}) {
        for (double veto : {0.0, 0.35}) {
          for (uint64_t seed = 0; seed < 8; ++seed) {
            TrainConfig config;
            config.dual_clip = dual_clip;
            config.rollout_correction = {mode, 1.8, 0.6, veto};
            SCOPED_TRACE(testing::Message() << "reduction " << static_cast<int>(reduction) << " dual " << dual_clip
                                            << " mode " << mode << " veto " << veto << " seed " << seed);
            compare(Batch(seed, 1.2), {reduction, 12, 3, 16}, config);
          }
        }
      }
    }
  }
}

TEST(PolicyLoss, CountsWhatItClips) {
  Batch batch(0, 0);
  batch.lengths = {3, 5};
  batch.advantages = {1, 1, 1, -1, -1, -1, -1, -1};
  batch.old_logprobs.assign(8, -5);
  batch.rollout = batch.old_logprobs;
  //                 in, above, below        in, above, below, far above, in
  std::vector<double> ratios{1.0, 1.5, 0.5, 1.0, 1.5, 0.5, 4.0, 1.1};
  for (size_t i = 0; i < 8; ++i) batch.logprobs[i] = -5 + std::log(ratios[i]);
  LossOutput output = policy_loss(batch.input(), {Reduction::token_mean, 8, 2, 16}, TrainConfig{});
  EXPECT_EQ(output.clipped_high, 1);  // an advantage > 0 above; below it is still pushed up
  EXPECT_EQ(output.clipped_low, 1);
  EXPECT_EQ(output.clipped_dual, 1);
  EXPECT_EQ(output.corrected, 0);
}

// Where old and new are the same tensor's values, the gradient is that of A log pi.
TEST(PolicyLoss, OnPolicyGradientIsTheAdvantage) {
  Batch batch(3, 0);
  LossInput input = batch.input();
  input.old_logprobs = input.logprobs.detach();
  policy_loss(input, {Reduction::token_mean, 8, 2, 16}, TrainConfig{}).loss.backward();
  for (int64_t i = 0; i < 8; ++i) {
    EXPECT_NEAR(input.logprobs.grad()[i].item<double>(), -batch.advantages[static_cast<size_t>(i)] / 8, 1e-7);
  }
}

TEST(PolicyLoss, TheRolloutCorrectionOfThePaper) {
  Batch batch(0, 0);
  batch.lengths = {4, 4};
  batch.response = {0, 0, 0, 0, 1, 1, 1, 1};
  // ratios old / rollout: within, at the limits, outside; and a response with one ratio below the veto
  std::vector<double> ratios{1, 0.49, 5.01, 2, 1, 1, 0.00005, 1};
  for (size_t i = 0; i < 8; ++i) {
    batch.old_logprobs[i] = -1;
    batch.rollout[i] = -1 - std::log(ratios[i]);
  }
  at::Tensor weights = rollout_weights(batch.input(), {"clip", 5.0, 0.5, 1e-4});
  std::vector<double> expected{1, 0, 0, 2, 0, 0, 0, 0};
  for (int64_t i = 0; i < 8; ++i) {
    EXPECT_NEAR(weights[i].item<double>(), expected[static_cast<size_t>(i)], 1e-5) << i;
  }
}

TEST(PolicyLoss, UnknownReduction) {
  try {
    parse_reduction("mean");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "unknown reduction mean; expected token_mean, sequence_mean or fixed_length");
  }
}

}  // namespace
}  // namespace golong
