// Whole updates against the same training written plainly in float64.
#include <gtest/gtest.h>

#include <cmath>

#include "core/train/learner.h"
#include "tests/unit/train/plain_training.h"
#include "tests/unit/train/tiny_model.h"

namespace golong {
namespace {

// Groups of four responses whose rollout log-probabilities are the model's own, but for a little noise; and some far
// away.
std::vector<Group> groups_of(const Model& model, double temperature) {
  std::vector<Group> groups{random_group(9, {5, 1, 3, 7}, 1), random_group(4, {3, 8, 2, 4}, 2),
                            random_group(6, {2, 6, 9, 5}, 3)};
  const Weights weights = float64_weights(model);
  RandomSequence random(random_key({5}));
  for (Group& group : groups) {
    for (Response& response : group.responses) {
      at::Tensor logprobs = plain_response(PlainQwen3(model.shape(), weights), group, response, temperature).logprobs;
      for (size_t t = 0; t < response.sampled_logprobs.size(); ++t) {
        const double noise = random.uniform() < 0.4 ? 2.0 : 0.1;
        response.sampled_logprobs[t] =
            static_cast<float>(logprobs[static_cast<int64_t>(t)].item<double>() + noise * (2 * random.uniform() - 1));
      }
    }
  }
  groups[1].responses[1].sampled_logprobs[2] += 12;  // a ratio below the veto
  return groups;
}

// TMN-Reweight (paper A.6) of rewards in groups of one task each.
std::vector<std::vector<double>> tmn_reweight(const std::vector<std::vector<double>>& rewards,
                                              const std::vector<int>& tasks) {
  const double alpha = 0.8, gamma = 1, epsilon = 1e-6;
  std::vector<double> mean, variance;
  for (const auto& group : rewards) {
    const auto n = static_cast<double>(group.size());
    double sum = 0, squares = 0;
    for (double r : group) sum += r, squares += r * r;
    mean.push_back(sum / n);
    variance.push_back(std::max(0.0, squares / n - mean.back() * mean.back()) * n / (n - 1));
  }
  std::vector<std::vector<double>> advantages;
  for (size_t u = 0; u < rewards.size(); ++u) {
    double task_mean = 0, task_variance = 0, count = 0, above = 0;
    for (size_t v = 0; v < rewards.size(); ++v) {
      if (tasks[v] != tasks[u]) continue;
      task_mean += mean[v], task_variance += variance[v], count += 1;
    }
    const double deviation = std::sqrt(task_variance / count);
    const double threshold = alpha * mean[u] + (1 - alpha) * task_mean / count;
    for (double r : rewards[u]) above += r > threshold;
    const double rate = above / static_cast<double>(rewards[u].size());
    advantages.emplace_back();
    for (double r : rewards[u]) {
      const double weight = std::exp(gamma * (r > mean[u] ? 0.5 - rate : rate - 0.5));
      advantages.back().push_back(weight * (r - mean[u]) / (deviation + epsilon));
    }
  }
  return advantages;
}

const std::vector<std::vector<double>> rewards{{0, 1, 0.3, 1}, {0.2, 0, 0, 0.9}, {1, 0, 1, 1}};

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.detach().to(at::kDouble) - b.detach()).abs().max().item<double>();
}

// The defaults of golong are the paper's settings.
TEST(ReferenceStep, OneStepWithThePapersSettings) {
  TrainConfig config;
  config.rollout_correction.mode = "clip";
  std::unique_ptr<Model> model = tiny_model();
  const std::vector<Group> groups = groups_of(*model, 1);
  const auto advantages = tmn_reweight(rewards, {0, 0, 1});
  PlainTraining plain(*model, config, 1);
  const Weights start = float64_weights(*model);
  plain.update(groups, advantages, config.learning_rate / 5, 3, 1);  // the first of five steps of warm-up

  Learner learner(*model, config, 16);
  Metrics metrics = learner.update(groups, advantages);
  EXPECT_NEAR(metrics.at("train/loss"), plain.loss[0], 1e-6 * std::abs(plain.loss[0]) + 1e-7);
  EXPECT_NEAR(metrics.at("train/grad_norm"), plain.norm[0], 1e-5 * plain.norm[0]);
  EXPECT_GT(plain.norm[0], 1) << "the gradient must be clipped";
  EXPECT_GT(metrics.at("train/corrected_fraction"), metrics.at("train/vetoed_fraction"));
  EXPECT_GT(metrics.at("train/vetoed_fraction"), 0);
  for (const auto& [name, moment] : learner.optimizer().state()) {
    const bool squared = name.ends_with(".second_moment");
    const std::string parameter = name.substr(0, name.rfind('.'));
    const at::Tensor& expected = (squared ? plain.second : plain.first).at(parameter);
    EXPECT_LT(largest_difference(moment, expected), 2e-5 * expected.abs().max().item<double>()) << name;
  }
  double moved = 0, wrong = 0;
  for (const auto& [name, tensor] : model->parameters()) {
    // A gradient as small as rounding has no certain sign, and AdamW's first step is the sign.
    at::Tensor clear = plain.first.at(name).abs() > 1e-6;
    at::Tensor difference = (tensor.detach().to(at::kDouble) - plain.weights.at(name).detach()) * clear;
    // Decay and step round a float32 weight to 6e-8 of its size each; a weight moves by 4e-7.
    EXPECT_LT(difference.abs().max().item<double>(), 1e-9 + 1.3e-7 * tensor.abs().max().item<double>()) << name;
    wrong += difference.square().sum().item<double>();
    moved += (plain.weights.at(name).detach() - start.at(name).detach()).square().sum().item<double>();
  }
  EXPECT_LT(std::sqrt(wrong), 0.05 * std::sqrt(moved));
}

struct Setting {
  const char* loss;
  double coefficient;  // of k3
  double entropy;
  const char* correction;
};

class ReferenceTraining : public testing::TestWithParam<Setting> {};

// Two passes in mini-batches of two groups, in one micro-batch or in one for each group.
TEST_P(ReferenceTraining, SeveralStepsInSmallParts) {
  const double temperature = 0.8, rate = 4e-3;
  TrainConfig config;
  config.loss = GetParam().loss;
  config.gspo = {0.02, 0.03};
  config.cispo = {0.1, 0.1};
  config.kl = {GetParam().coefficient > 0 ? "k3" : "none", GetParam().coefficient};
  config.entropy_coefficient = GetParam().entropy;
  config.rollout_correction.mode = GetParam().correction;
  config.learning_rate = rate;
  config.warmup_steps = 0;
  config.prompts_per_step = 3;
  config.mini_batch_prompts = 2;
  config.updates_per_batch = 2;
  config.adam_epsilon = 1e-3;  // so that a step is a smooth function of the gradient
  const auto advantages = tmn_reweight(rewards, {0, 0, 1});
  for (int64_t budget : {int64_t{1}, int64_t{1000}}) {
    std::unique_ptr<Model> model = tiny_model(), reference = tiny_model(at::kFloat, 8);
    const Model* frozen = GetParam().coefficient > 0 ? reference.get() : nullptr;
    const std::vector<Group> groups = groups_of(*model, temperature);
    PlainTraining plain(*model, config, temperature, frozen);
    const Weights start = float64_weights(*model), frozen_start = float64_weights(*reference);
    plain.update(groups, advantages, rate, 2, 2);
    config.micro_batch_tokens = budget;
    Metrics metrics = Learner(*model, config, 16, temperature, frozen).update(groups, advantages);
    double loss = 0, norm = 0;
    for (size_t i = 0; i < 4; ++i) loss += plain.loss[i] / 4, norm += plain.norm[i] / 4;
    EXPECT_NEAR(metrics.at("train/loss"), loss, 1e-4 * std::abs(loss) + 1e-5);
    EXPECT_NEAR(metrics.at("train/grad_norm"), norm, 1e-4 * norm);
    EXPECT_GT(metrics.at("train/clip_fraction_high") + metrics.at("train/clip_fraction_low"), 0);
    double moved = 0;
    for (const auto& [name, tensor] : model->parameters()) {
      EXPECT_LT(largest_difference(tensor, plain.weights.at(name)), 1e-5) << name << " budget " << budget;
      moved = std::max(moved, largest_difference(tensor, start.at(name)));
    }
    EXPECT_GT(moved, 5e-3);
    for (const auto& [name, tensor] : reference->parameters()) {
      EXPECT_EQ(largest_difference(tensor, frozen_start.at(name)), 0) << "the reference is frozen";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Losses, ReferenceTraining,
                         testing::Values(Setting{"ppo", 0, 0, "clip"}, Setting{"ppo", 0.1, 0.01, "none"},
                                         Setting{"gspo", 0, 0, "none"}, Setting{"gspo", 0.1, 0.01, "none"},
                                         Setting{"cispo", 0, 0, "clip"}, Setting{"cispo", 0.1, 0.01, "clip"}));

}  // namespace
}  // namespace golong
