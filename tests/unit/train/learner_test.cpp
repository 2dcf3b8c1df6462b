// An update of packed groups against the plain computation: every response by itself, full logits, ordinary autograd.
#include "core/train/learner.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.h"
#include "core/train/flops.h"
#include "tests/unit/train/tiny_model.h"

namespace golong {
namespace {

struct Batch {
  std::vector<Group> groups;
  std::vector<std::vector<double>> advantages;
};

// Groups of different shapes: several responses, one of them empty; a single response; a prompt of one token.
Batch batch() {
  return {{random_group(9, {5, 1, 0, 7}, 1), random_group(4, {3}, 2), random_group(1, {2, 6}, 3)},
          {{1.5, -0.5, 2.0, -1.0}, {0.7}, {-0.3, 0.9}}};
}

TrainConfig config() {
  TrainConfig c;
  c.learning_rate = 1e-3;
  c.warmup_steps = 0;
  c.clip_grad_norm = 0;
  c.micro_batch_tokens = 1000;
  return c;
}

// The gradient of sum over responses of -A / (length * responses) * sum log p: sequence_mean on policy.
std::map<std::string, at::Tensor> plain_gradients(const Model& model, const Batch& b, double temperature,
                                                  double* loss) {
  std::vector<at::Tensor> parts;
  double responses = 0, value = 0;
  for (size_t g = 0; g < b.groups.size(); ++g) {
    for (size_t i = 0; i < b.groups[g].responses.size(); ++i) {
      const Response& response = b.groups[g].responses[i];
      if (response.token_ids.empty()) continue;
      responses += 1;
      value -= b.advantages[g][i];
      parts.push_back(plain_logprobs(model, b.groups[g], response, temperature).mean() * -b.advantages[g][i]);
    }
  }
  (at::stack(parts).sum() / responses).backward();
  *loss = value / responses;
  std::map<std::string, at::Tensor> gradients;
  for (const auto& [name, tensor] : model.parameters()) {
    gradients[name] = tensor.grad().clone();
    at::Tensor(tensor).mutable_grad().reset();
  }
  return gradients;
}

void expect_plain_update(double temperature) {
  std::unique_ptr<Model> plain = tiny_model(), model = tiny_model();
  Batch b = batch();
  double loss = 0;
  std::map<std::string, at::Tensor> gradients = plain_gradients(*plain, b, temperature, &loss);
  Learner learner(*model, config(), 8, temperature);
  Metrics metrics = learner.update(b.groups, b.advantages);
  EXPECT_NEAR(metrics.at("train/loss"), loss, 1e-6);
  double squares = 0, largest = 0;
  for (const auto& [name, tensor] : model->parameters()) {
    const at::Tensor& expected = gradients.at(name);
    double size = expected.abs().max().item<double>();
    EXPECT_LT((tensor.grad() - expected).abs().max().item<double>(), 1e-5 * (size + 1e-3)) << name;
    squares += std::pow(expected.norm().item<double>(), 2);
    largest = std::max(largest, size);
  }
  EXPECT_GT(largest, 1e-2) << "the gradient is too small to test anything";
  EXPECT_NEAR(metrics.at("train/grad_norm"), std::sqrt(squares), 1e-5 * std::sqrt(squares));
  // AdamW's first step: decay, then the sign of the gradient (m / sqrt(v) = g / |g| after bias correction).
  std::map<std::string, at::Tensor> start;
  for (const auto& [name, tensor] : plain->parameters()) start[name] = tensor.detach();
  for (const auto& [name, tensor] : model->parameters()) {
    at::Tensor g = gradients.at(name).to(at::kDouble), w = start.at(name).to(at::kDouble);
    at::Tensor expected = w * (1 - (w.dim() > 1 ? 1e-4 : 0.0)) - 1e-3 * g / (g.abs() + 1e-8);
    // Where a gradient is as small as rounding, its sign is not known.
    at::Tensor clear = g.abs() > 1e-6;
    EXPECT_LT(((tensor.detach() - expected) * clear).abs().max().item<double>(), 1e-5) << name;
  }
}

TEST(Learner, LossGradientAndStepEqualThePlainComputation) { expect_plain_update(1); }

struct Updated {
  double loss;
  std::map<std::string, at::Tensor> gradients;
};

// One update of random groups, with rollout log-probabilities of their own, and what it did.
Updated update(const TrainConfig& c, const ModelShape& shape, const Batch& b, at::ScalarType dtype = at::kFloat) {
  std::unique_ptr<Model> model = tiny_model(dtype, 7, shape);
  Learner learner(*model, c, 40);
  Updated result{learner.update(b.groups, b.advantages).at("train/loss"), {}};
  for (const auto& [name, tensor] : model->parameters())
    result.gradients[name] = learner.optimizer().gradient(name).clone();
  return result;
}

Batch random_batch(RandomSequence& random) {
  Batch b;
  for (uint64_t g = 0; g < 1 + random.below(3); ++g) {
    std::vector<size_t> lengths;
    std::vector<double>& advantages = b.advantages.emplace_back();
    for (uint64_t r = 0; r < 1 + random.below(5); ++r) {
      lengths.push_back(random.below(4) == 0 ? random.below(2) : 1 + random.below(24));
      advantages.push_back(2 * random.uniform() - 1);
    }
    lengths.back() = std::max<size_t>(1, lengths.back());
    b.groups.push_back(random_group(1 + random.below(60), lengths, random.bits()));
  }
  return b;
}

// Every way to lay groups out gives the gradient of the plain one: prompts shared or not, several groups in a
// micro-batch, groups that are split over their responses; dense and with experts, one head of keys or several, layers
// recomputed or not.
TEST(Learner, AllLayoutsGiveTheSameGradients) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    RandomSequence random(random_key({seed, 99}));
    ModelShape shape = seed % 3 == 0 ? tiny_experts() : tiny_shape();
    shape.kv_heads = int64_t{1} << random.below(3);  // of 4 heads
    shape.tied = random.below(2) == 0;
    const Batch b = random_batch(random);
    TrainConfig c = config();
    c.loss = std::array{"ppo", "gspo", "cispo"}[random.below(3)];
    c.reduction = std::array{"token_mean", "sequence_mean", "fixed_length"}[random.below(3)];
    c.entropy_coefficient = random.below(2) == 0 ? 0 : 0.05;
    TrainConfig plain = c;
    plain.share_prefix = false;
    const Updated expected = update(plain, shape, b);
    c.recompute = random.below(2) == 0 ? "off" : "all";
    double largest = 0;
    for (const auto& [name, gradient] : expected.gradients)
      largest = std::max(largest, gradient.abs().max().item<double>());
    for (int64_t budget : {1, 20, 70, 100000}) {
      c.micro_batch_tokens = budget;
      const Updated got = update(c, shape, b);
      EXPECT_NEAR(got.loss, expected.loss, 1e-5 * (1 + std::abs(expected.loss))) << "seed " << seed << ", " << budget;
      for (const auto& [name, gradient] : expected.gradients) {
        ASSERT_LT((got.gradients.at(name) - gradient).abs().max().item<double>(), 1e-5 * largest)
            << name << ", seed " << seed << ", micro-batches of " << budget;
      }
    }
  }
}

// To the digits that bfloat16 has.
TEST(Learner, AllLayoutsStayCloseInBFloat16) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    RandomSequence random(random_key({seed, 98}));
    ModelShape shape = seed % 3 == 0 ? tiny_experts() : tiny_shape();
    shape.experts.per_token = shape.experts.count;  // which expert is chosen would depend on rounding
    const Batch b = random_batch(random);
    TrainConfig c = config();
    c.share_prefix = false;
    const Updated expected = update(c, shape, b, at::kBFloat16);
    c.share_prefix = true;
    c.recompute = random.below(2) == 0 ? "off" : "all";
    for (int64_t budget : {1, 20, 100000}) {
      c.micro_batch_tokens = budget;
      const Updated got = update(c, shape, b, at::kBFloat16);
      double difference = 0, size = 0;
      for (const auto& [name, gradient] : expected.gradients) {
        difference += std::pow((got.gradients.at(name) - gradient).norm().item<double>(), 2);
        size += std::pow(gradient.norm().item<double>(), 2);
      }
      EXPECT_LT(difference, std::pow(0.02, 2) * size) << "seed " << seed << ", micro-batches of " << budget;
    }
  }
}

TEST(Learner, TrainsThePolicyOfTheSamplingTemperature) { expect_plain_update(0.6); }

TEST(Learner, MicroBatchesAddUp) {
  for (const char* reduction : {"token_mean", "sequence_mean", "fixed_length"}) {
    TrainConfig c = config();
    c.reduction = reduction;
    std::unique_ptr<Model> whole = tiny_model(), parts = tiny_model();
    Batch b = batch();
    Metrics one = Learner(*whole, c, 8).update(b.groups, b.advantages);
    c.micro_batch_tokens = 1;
    Metrics many = Learner(*parts, c, 8).update(b.groups, b.advantages);
    for (size_t i = 0; i < whole->parameters().size(); ++i) {
      const at::Tensor &x = whole->parameters()[i].second.grad(), &y = parts->parameters()[i].second.grad();
      EXPECT_LT((x - y).abs().max().item<double>(), 1e-5 * (x.abs().max().item<double>() + 1e-3))
          << reduction << " " << whole->parameters()[i].first;
    }
    for (const auto& [name, value] : one) EXPECT_NEAR(value, many.at(name), 1e-5 * (1 + std::abs(value))) << name;
  }
}

// What the metrics say about the rollout, against the plain log-probabilities.
TEST(Learner, MetricsOfTheRollout) {
  std::unique_ptr<Model> model = tiny_model();
  Batch b = batch();
  double difference = 0, kl = 0, tokens = 0;
  for (const Group& group : b.groups) {
    for (const Response& response : group.responses) {
      if (response.token_ids.empty()) continue;
      at::Tensor logprobs = plain_logprobs(*model, group, response);
      for (size_t t = 0; t < response.token_ids.size(); ++t) {
        double moved = response.sampled_logprobs[t] - logprobs[static_cast<int64_t>(t)].item<double>();
        difference += std::abs(moved);
        kl += moved;
        tokens += 1;
      }
    }
  }
  Metrics metrics = Learner(*model, config(), 8).update(b.groups, b.advantages);
  EXPECT_NEAR(metrics.at("train/rollout_logprob_difference"), difference / tokens, 1e-4);
  EXPECT_NEAR(metrics.at("train/rollout_kl"), kl / tokens, 1e-4);
  EXPECT_EQ(metrics.at("train/policy_kl"), 0);
  EXPECT_EQ(metrics.at("train/clip_fraction_high"), 0);
  // 9 + 13, 4 + 3, 1 + 8 tokens packed; each prompt again for each of its responses when repeated
  EXPECT_NEAR(metrics.at("train/shared_token_share"), 1 - 38.0 / (9 * 4 + 13 + 7 + 2 + 8), 1e-12);
}

// Two passes over one batch: the second one's ratio is that of the policy to the trainer before the first.
TEST(Learner, SeveralUpdatesOfOneBatch) {
  TrainConfig c = config();
  c.updates_per_batch = 2;
  c.learning_rate = 0.02;
  std::unique_ptr<Model> model = tiny_model();
  Batch b = batch();
  Learner learner(*model, c, 8);
  const double forward = forward_flops(*model, {&b.groups[0], &b.groups[1], &b.groups[2]}, true);
  Metrics metrics = learner.update(b.groups, b.advantages);
  EXPECT_EQ(learner.optimizer().steps(), 2);
  // Two passes forward and backward, and one forward for the log-probabilities before the first.
  EXPECT_DOUBLE_EQ(metrics.at("train/flops"), 7 * forward);
  EXPECT_EQ(metrics.at("train/tokens"), 2 * 38);
  EXPECT_GT(metrics.at("train/clip_fraction_high") + metrics.at("train/clip_fraction_low"), 0);
  EXPECT_NE(metrics.at("train/policy_kl"), 0);
  c.updates_per_batch = 1;
  c.mini_batch_prompts = 2;
  std::unique_ptr<Model> other = tiny_model();
  Learner mini(*other, c, 8);
  metrics = mini.update(b.groups, b.advantages);
  EXPECT_EQ(mini.optimizer().steps(), 2);
  EXPECT_DOUBLE_EQ(metrics.at("train/flops"), 4 * forward);
  EXPECT_EQ(metrics.at("train/tokens"), 38);
}

TEST(Learner, WarmsUpLinearlyThenStays) {
  TrainConfig c = config();
  c.warmup_steps = 4;
  std::unique_ptr<Model> model = tiny_model();
  Learner learner(*model, c, 8);
  Batch b = batch();
  std::vector<double> rates;
  for (int i = 0; i < 6; ++i) rates.push_back(learner.update(b.groups, b.advantages).at("train/learning_rate"));
  EXPECT_EQ(rates, (std::vector<double>{0.25e-3, 0.5e-3, 0.75e-3, 1e-3, 1e-3, 1e-3}));
}

// Two passes over each batch are two optimizer steps.
TEST(Learner, TheLearningRateFallsUntilTheLastUpdate) {
  TrainConfig c = config();
  c.warmup_steps = 0;
  c.updates_per_batch = 2;
  c.learning_rate_decay = "linear";
  c.min_learning_rate = 0.25e-3;
  std::unique_ptr<Model> model = tiny_model();
  Learner learner(*model, c, 8);
  learner.expect(3);
  Batch b = batch();
  std::vector<double> rates;
  for (int i = 0; i < 4; ++i) rates.push_back(learner.update(b.groups, b.advantages).at("train/learning_rate"));
  EXPECT_THAT(rates, testing::Pointwise(testing::DoubleEq(), {1e-3, 0.75e-3, 0.5e-3, 0.25e-3}));
}

TEST(Learner, ClipsTheGradientByItsGlobalNorm) {
  TrainConfig c = config();
  std::unique_ptr<Model> model = tiny_model(), clipped = tiny_model();
  Batch b = batch();
  Learner plain(*model, c, 8);
  double norm = plain.update(b.groups, b.advantages).at("train/grad_norm");
  c.clip_grad_norm = norm / 4;
  Learner clipping(*clipped, c, 8);
  EXPECT_NEAR(clipping.update(b.groups, b.advantages).at("train/grad_norm"), norm, 1e-6 * norm) << "before clipping";
  auto first = plain.optimizer().state(), second = clipping.optimizer().state();
  for (size_t i = 0; i < first.size(); ++i) {
    bool squared = first[i].first.ends_with("second_moment");
    at::Tensor expected = first[i].second / (squared ? 16 : 4);
    EXPECT_TRUE(at::allclose(second[i].second, expected, 1e-4, 1e-12)) << first[i].first;
  }
}

TEST(Learner, LeavesOutStepsThatAreNotFiniteAndStopsAfterThree) {
  std::unique_ptr<Model> model = tiny_model(), untouched = tiny_model();
  Learner learner(*model, config(), 8);
  Batch good = batch(), bad = batch();
  bad.advantages[0][0] = NAN;
  EXPECT_EQ(learner.update(bad.groups, bad.advantages).at("update/skipped"), 1);
  EXPECT_EQ(learner.update(bad.groups, bad.advantages).at("update/skipped"), 1);
  for (size_t i = 0; i < model->parameters().size(); ++i) {
    EXPECT_TRUE(at::equal(model->parameters()[i].second, untouched->parameters()[i].second));
  }
  EXPECT_EQ(learner.update(good.groups, good.advantages).at("update/skipped"), 0);
  EXPECT_EQ(learner.optimizer().steps(), 1);
  learner.update(bad.groups, bad.advantages);
  learner.update(bad.groups, bad.advantages);
  Learner resumed(*model, config(), 8);
  resumed.go_on_after_skipped(learner.skipped_in_a_row());
  EXPECT_THROW(resumed.update(bad.groups, bad.advantages), NotFinite);
  EXPECT_THROW(learner.update(bad.groups, bad.advantages), NotFinite);
}

TEST(Learner, ABatchWithoutTokensIsAnError) {
  std::unique_ptr<Model> model = tiny_model();
  Learner learner(*model, config(), 8);
  EXPECT_THROW(learner.update({random_group(3, {0, 0}, 1)}, {{1, -1}}), Error);
}

// bfloat16: within its own rounding of the float32 update.
TEST(Learner, Bfloat16IsNearFloat32) {
  std::unique_ptr<Model> narrow = tiny_model(at::kBFloat16), wide = tiny_model();
  for (size_t i = 0; i < wide->parameters().size(); ++i) {
    wide->parameters()[i].second.detach().copy_(narrow->parameters()[i].second);
  }
  Batch b = batch();
  double expected = Learner(*wide, config(), 8).update(b.groups, b.advantages).at("train/grad_norm");
  EXPECT_NEAR(Learner(*narrow, config(), 8).update(b.groups, b.advantages).at("train/grad_norm"), expected,
              0.05 * expected);
}

}  // namespace
}  // namespace golong
