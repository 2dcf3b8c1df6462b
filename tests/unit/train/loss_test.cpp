// The policy losses against the same things written as loops over numbers, in float64.
#include "core/train/loss.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "tests/unit/train/token_batch.h"

namespace golong {
namespace {

// One token's loss before reduction, and its derivative by the token's log-probability.
struct Token {
  double loss = 0, slope = 0;
};

// -A min or max of ratio and clipped ratio, whichever gains less; no slope where the clip holds.
Token clipped(double ratio, double advantage, double low, double high) {
  double loss = -advantage * ratio, bounded = -advantage * std::clamp(ratio, 1 - low, 1 + high);
  return bounded > loss ? Token{bounded, 0} : Token{loss, loss};
}

Token ppo(const TokenBatch& b, size_t i, const TrainConfig& c) {
  const double advantage = b.advantages[i];
  Token token = clipped(std::exp(b.logprobs[i] - b.old_logprobs[i]), advantage, c.clip_low, c.clip_high);
  if (c.dual_clip > 0 && advantage < 0 && token.loss > -advantage * c.dual_clip) {
    token = {-advantage * c.dual_clip, 0};
  }
  return token;
}

Token gspo(const TokenBatch& b, size_t i, const TrainConfig& c) {
  double sum = 0;
  for (size_t j = 0; j < b.response.size(); ++j) {
    if (b.response[j] == b.response[i]) sum += b.logprobs[j] - b.old_logprobs[j];
  }
  return clipped(std::exp(sum / b.length(i)), b.advantages[i], c.gspo.clip_low, c.gspo.clip_high);
}

Token cispo(const TokenBatch& b, size_t i, const TrainConfig& c) {
  const double ratio = std::exp(b.logprobs[i] - b.old_logprobs[i]);
  const double weight = std::clamp(ratio, 1 - c.cispo.clip_low, 1 + c.cispo.clip_high);
  return {-b.advantages[i] * weight * b.logprobs[i], -b.advantages[i] * weight};
}

Token divergence(const TokenBatch& b, size_t i, const std::string& estimator) {
  const double d = b.logprobs[i] - b.reference[i];
  if (estimator == "k1") return {d, 1};
  if (estimator == "k2") return {d * d / 2, d};
  if (estimator == "k3") return {std::exp(-d) + d - 1, 1 - std::exp(-d)};
  return {};
}

double weight(const TokenBatch& b, size_t i, const RolloutCorrectionConfig& c) {
  if (c.mode == "none") return 1;
  auto ratio = [&](size_t j) { return std::exp(b.old_logprobs[j] - b.rollout[j]); };
  for (size_t j = 0; j < b.response.size(); ++j) {
    if (b.response[j] == b.response[i] && ratio(j) < c.veto) return 0;
  }
  return ratio(i) < c.lower || ratio(i) > c.upper ? 0 : ratio(i);
}

double divisor(const TokenBatch& b, size_t i, const LossScale& s) {
  if (s.reduction == Reduction::token_mean) return static_cast<double>(s.tokens);
  if (s.reduction == Reduction::sequence_mean) return b.length(i) * static_cast<double>(s.responses);
  return static_cast<double>(s.responses * s.max_response_tokens);
}

void compare(const TokenBatch& batch, const LossScale& scale, const TrainConfig& config) {
  LossInput input = batch.input();
  LossOutput output = policy_loss(input, scale, config);
  output.loss.backward();
  at::Tensor slopes = input.logprobs.grad();
  double loss = 0, kl = 0;
  for (size_t i = 0; i < batch.response.size(); ++i) {
    Token policy = config.loss == "ppo"    ? ppo(batch, i, config)
                   : config.loss == "gspo" ? gspo(batch, i, config)
                                           : cispo(batch, i, config);
    Token penalty = divergence(batch, i, config.kl.estimator);
    const double w = weight(batch, i, config.rollout_correction), share = 1 / divisor(batch, i, scale);
    loss += share *
            (policy.loss * w + config.kl.coefficient * penalty.loss - config.entropy_coefficient * batch.entropy[i]);
    kl += penalty.loss;
    EXPECT_NEAR(slopes[static_cast<int64_t>(i)].item<double>(),
                share * (policy.slope * w + config.kl.coefficient * penalty.slope), 1e-6)
        << "token " << i;
    if (config.entropy_coefficient != 0) {
      EXPECT_NEAR(input.entropy.grad()[static_cast<int64_t>(i)].item<double>(), -config.entropy_coefficient * share,
                  1e-7);
    }
  }
  EXPECT_NEAR(output.loss.item<double>(), loss, 1e-6);
  if (config.kl.estimator != "none") {
    EXPECT_NEAR(output.sums.at("reference_kl"), kl, 1e-5);
  }
}

const Reduction reductions[] = {Reduction::token_mean, Reduction::sequence_mean, Reduction::fixed_length};

TEST(PolicyLoss, PpoEqualsTheLoopsForEveryReductionAndClip) {
  for (Reduction reduction : reductions) {
    for (double dual_clip : {0.0, 1.5, 3.0}) {
      for (const char* mode : {"none", "clip"}) {
        for (double veto : {0.0, 0.35}) {
          for (uint64_t seed = 0; seed < 8; ++seed) {
            TrainConfig config;
            config.dual_clip = dual_clip;
            config.rollout_correction = {mode, "token", 1.8, 0.6, veto};
            SCOPED_TRACE(testing::Message() << "reduction " << static_cast<int>(reduction) << " dual " << dual_clip
                                            << " mode " << mode << " veto " << veto << " seed " << seed);
            compare(TokenBatch(seed, 1.2), {reduction, 12, 3, 16}, config);
          }
        }
      }
    }
  }
}

// With the correction, the penalty and the bonus; clips that hold for some responses and not for others.
TEST(PolicyLoss, TheOthersEqualTheLoopsForEveryReduction) {
  for (const char* loss : {"ppo", "gspo", "cispo"}) {
    for (Reduction reduction : reductions) {
      for (const char* estimator : {"none", "k1", "k2", "k3"}) {
        for (uint64_t seed = 0; seed < 8; ++seed) {
          TrainConfig config;
          config.loss = loss;
          config.gspo = {0.1, 0.15};
          config.cispo = {0.3, 0.6};
          config.kl = {estimator, 0.2};
          config.entropy_coefficient = seed % 2 == 0 ? 0 : 0.03;
          config.rollout_correction = {seed % 4 < 2 ? "none" : "clip", "token", 1.8, 0.6, 0};
          SCOPED_TRACE(testing::Message() << loss << " reduction " << static_cast<int>(reduction) << " kl " << estimator
                                          << " seed " << seed);
          compare(TokenBatch(seed, 1.2), {reduction, 12, 3, 16}, config);
        }
      }
    }
  }
}

// As its paper writes it: one term for each response, differentiated as a whole.
TEST(PolicyLoss, GspoIsTheLossOfWholeResponses) {
  int64_t clipped = 0;
  for (uint64_t seed = 0; seed < 16; ++seed) {
    TokenBatch batch(seed, 0.8);
    TrainConfig config;
    config.loss = "gspo";
    config.gspo = {0.1, 0.15};
    LossInput input = batch.input();
    LossOutput output = policy_loss(input, {Reduction::sequence_mean, 12, 3, 16}, config);
    output.loss.backward();
    at::Tensor logprobs = input.logprobs.detach().to(at::kDouble).requires_grad_(true);
    at::Tensor old = input.old_logprobs.to(at::kDouble);
    at::Tensor objective = at::zeros({}, at::kDouble);
    for (int64_t start = 0; int64_t length : batch.lengths) {
      at::Tensor ratio = (logprobs.narrow(0, start, length) - old.narrow(0, start, length)).mean().exp();
      const double advantage = batch.advantages[static_cast<size_t>(start)];
      objective = objective + at::minimum(ratio * advantage, ratio.clamp(0.9, 1.15) * advantage) / 3;
      start += length;
    }
    (-objective).backward();
    EXPECT_NEAR(output.loss.item<double>(), -objective.item<double>(), 1e-6);
    EXPECT_LT((input.logprobs.grad() - logprobs.grad()).abs().max().item<double>(), 1e-7);
    clipped += static_cast<int64_t>(output.sums.at("clip_fraction_high") + output.sums.at("clip_fraction_low"));
  }
  EXPECT_GT(clipped, 0);
  EXPECT_LT(clipped, 16 * 8) << "some response must not be clipped";
}

TEST(PolicyLoss, CountsWhatItClips) {
  TokenBatch batch(0, 0);
  batch.advantages = {1, 1, 1, -1, -1, -1, -1, -1};
  batch.old_logprobs.assign(8, -5);
  batch.rollout = batch.old_logprobs;
  //                 in, above, below        in, above, below, far above, in
  std::vector<double> ratios{1.0, 1.5, 0.5, 1.0, 1.5, 0.5, 4.0, 1.1};
  for (size_t i = 0; i < 8; ++i) batch.logprobs[i] = -5 + std::log(ratios[i]);
  TrainConfig config;
  Metrics sums = policy_loss(batch.input(), {Reduction::token_mean, 8, 2, 16}, config).sums;
  EXPECT_EQ(sums.at("clip_fraction_high"), 1);  // an advantage > 0 above; below it is still pushed up
  EXPECT_EQ(sums.at("clip_fraction_low"), 1);
  EXPECT_EQ(sums.at("clip_fraction_dual"), 1);
  EXPECT_FALSE(sums.contains("corrected_fraction"));
  config.loss = "cispo";
  config.cispo = {0.4, 0.3};
  sums = policy_loss(batch.input(), {Reduction::token_mean, 8, 2, 16}, config).sums;
  EXPECT_EQ(sums.at("clip_fraction_high"), 3);  // of either sign
  EXPECT_EQ(sums.at("clip_fraction_low"), 2);
}

TEST(PolicyLoss, MeasuresHowFarTheRolloutIs) {
  TokenBatch batch(5, 0.5);
  double k1 = 0, k3 = 0, moved = 0;
  for (size_t i = 0; i < 8; ++i) {
    const double d = batch.rollout[i] - batch.old_logprobs[i];
    k1 += d;
    k3 += std::exp(-d) + d - 1;
    moved += batch.old_logprobs[i] - batch.logprobs[i];
  }
  Metrics sums = policy_loss(batch.input(), {Reduction::token_mean, 8, 2, 16}, TrainConfig{}).sums;
  EXPECT_NEAR(sums.at("rollout_kl"), k1, 1e-5);
  EXPECT_NEAR(sums.at("rollout_kl_k3"), k3, 1e-5);
  EXPECT_NEAR(sums.at("policy_kl"), moved, 1e-5);
}

// Where old and new are the same tensor's values, the gradient is that of A log pi, whatever the loss.
TEST(PolicyLoss, OnPolicyGradientIsTheAdvantage) {
  for (const char* loss : {"ppo", "gspo", "cispo"}) {
    TrainConfig config;
    config.loss = loss;
    TokenBatch batch(3, 0);
    LossInput input = batch.input();
    input.old_logprobs = input.logprobs.detach();
    policy_loss(input, {Reduction::token_mean, 8, 2, 16}, config).loss.backward();
    for (int64_t i = 0; i < 8; ++i) {
      EXPECT_NEAR(input.logprobs.grad()[i].item<double>(), -batch.advantages[static_cast<size_t>(i)] / 8, 1e-7) << loss;
    }
  }
}

// A rank that has no response in a pass.
TEST(PolicyLoss, OfNoTokensIsZeroAndHasAGradient) {
  for (const char* loss : {"ppo", "gspo", "cispo"}) {
    for (const Reduction reduction : {Reduction::token_mean, Reduction::sequence_mean, Reduction::fixed_length}) {
      TrainConfig config;
      config.loss = loss;
      config.kl.estimator = "k3";
      config.entropy_coefficient = 0.1;
      const auto none = [] { return at::empty({0}).requires_grad_(true); };
      const auto no_index = [] { return at::empty({0}, at::kLong); };
      const LossInput input{none(),         none(),         at::empty({0}), at::empty({0}),
                            at::empty({0}), at::empty({0}), no_index(),     no_index()};
      const LossOutput output = policy_loss(input, {reduction, 8, 2, 16}, config);
      EXPECT_EQ(output.loss.item<double>(), 0);
      output.loss.backward();
      EXPECT_TRUE(input.logprobs.grad().defined());
      for (const auto& [name, sum] : output.sums) EXPECT_EQ(sum, 0) << name;
    }
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
