// The files of configs/: complete, and the paper's numbers (A.7) where they are the paper's recipes.
#include <gtest/gtest.h>

#include "core/config/config.h"

namespace golong {
namespace {

Config load(const char* name) { return Config::load(std::string(GOLONG_SOURCE_DIR "/configs/") + name); }

void expect_the_paper(const Config& config) {
  EXPECT_EQ(config.train.generation_prompts, 512);
  EXPECT_EQ(config.train.prompts_per_step, 128);
  EXPECT_EQ(config.train.mini_batch_prompts, 128);
  EXPECT_EQ(config.train.updates_per_batch, 1);
  EXPECT_EQ(config.rollout.n, 16);
  EXPECT_EQ(config.train.learning_rate, 2e-6);
  EXPECT_EQ(config.train.warmup_steps, 5);
  EXPECT_EQ(config.train.weight_decay, 0.1);
  EXPECT_EQ(config.train.beta1, 0.9);
  EXPECT_EQ(config.train.beta2, 0.999);
  EXPECT_EQ(config.train.clip_grad_norm, 1.0);
  EXPECT_EQ(config.train.clip_low, 0.2);
  EXPECT_EQ(config.train.clip_high, 0.28);
  EXPECT_EQ(config.train.dual_clip, 3.0);
  EXPECT_EQ(config.train.reduction, "sequence_mean");
  EXPECT_TRUE(config.train.filter_groups);
  EXPECT_EQ(config.train.max_generation_batches, 32);
  EXPECT_EQ(config.train.epochs, 10);
  EXPECT_EQ(config.train.steps, 0);
  EXPECT_EQ(config.train.norm_key, "metric");
  EXPECT_EQ(config.data.max_prompt_tokens, 160 * 1024);
  EXPECT_EQ(config.rollout.max_response_tokens, 16 * 1024);
  EXPECT_EQ(config.rollout.temperature, 1.0);
  EXPECT_EQ(config.rollout.top_p, 1.0);
  EXPECT_EQ(config.rollout.top_k, 0);
  EXPECT_EQ(config.eval.temperature, 0.6);
  EXPECT_EQ(config.eval.top_p, 0.95);
  EXPECT_EQ(config.eval.every, 0);
  EXPECT_EQ(config.train.rollout_correction.mode, "clip");
  EXPECT_EQ(config.train.rollout_correction.upper, 5.0);
  EXPECT_EQ(config.train.rollout_correction.lower, 0.5);
  EXPECT_EQ(config.train.rollout_correction.veto, 1e-4);
  EXPECT_EQ(config.checkpoint.every, 5);
  EXPECT_EQ(config.rewards.mode, "released");
  EXPECT_TRUE(config.rewards.gate);
  const ParallelConfig& mesh = config.parallel;
  EXPECT_EQ(mesh.replicate * mesh.shard * mesh.context * mesh.expert, 128);
}

TEST(Configs, TheRecipeOf4B) {
  const Config config = load("golongrl-4b.toml");
  expect_the_paper(config);
  EXPECT_EQ(config.train.normalizer, "tmn_reweight");
  EXPECT_EQ(std::get<double>(config.normalizer_settings.at("tmn_reweight").at("alpha").value), 0.8);
  EXPECT_EQ(std::get<double>(config.normalizer_settings.at("tmn_reweight").at("gamma").value), 1.0);
}

TEST(Configs, TheRecipeOf30B) {
  const Config config = load("golongrl-30b-a3b.toml");
  expect_the_paper(config);
  EXPECT_EQ(config.train.normalizer, "grpo");
  EXPECT_GT(config.parallel.expert, 1);
}

TEST(Configs, TheDemosDifferInTheNormalizerAndTheFolder) {
  Config demo = load("demo.toml");
  const Config grpo = load("demo-grpo.toml");
  EXPECT_NE(demo.to_toml(), grpo.to_toml());
  demo.train.normalizer = "grpo";
  demo.run.directory = "runs/demo-grpo";
  EXPECT_EQ(demo.to_toml(), grpo.to_toml());
}

}  // namespace
}  // namespace golong
