#include "core/scale/memory.h"

#include <gtest/gtest.h>

#include "core/model/parameter_count.h"
#include "core/scale/update_memory.h"
#include "tests/unit/scale/shapes.h"

namespace golong::scale {
namespace {

const Device kDevice = find_device("H100-80GB", "--devices");
const GroupSize kLong{163840, 16384, 16};

RankMemory of(const ModelShape& shape, const ParallelConfig& mesh, const GroupSize& size = kLong) {
  return rank_memory(recipe(shape, size), mesh, kDevice);
}

TEST(RankMemory, StatesFallWithTheRanks) {
  const int64_t count = parameter_count(qwen3_4b());
  const RankMemory alone = of(qwen3_4b(), mesh_of(1, 1, 1, 1));
  EXPECT_EQ(alone.weights, 2 * count);
  EXPECT_EQ(alone.gradients, 4 * count);
  EXPECT_EQ(alone.optimizer, 12 * count);
  EXPECT_EQ(alone.generator, 0);
  for (const ParallelConfig& mesh : {mesh_of(1, 8, 1, 1), mesh_of(3, 1, 8, 1), mesh_of(1, 4, 2, 1)}) {
    const RankMemory split = of(qwen3_4b(), mesh);
    EXPECT_NEAR(static_cast<double>(split.always()), static_cast<double>(alone.always()) / 8,
                1e-6 * 18 * static_cast<double>(count));
    EXPECT_EQ(split.generator, 2 * count);
  }
}

TEST(RankMemory, WhatIsSplitByZero) {
  const int64_t count = parameter_count(qwen3_4b());
  const auto near = [](int64_t a, int64_t b) {
    return std::abs(static_cast<double>(a - b)) < 1e-4 * static_cast<double>(b);
  };
  const RankMemory one = of(qwen3_4b(), mesh_of(1, 4, 1, 1, 1)), two = of(qwen3_4b(), mesh_of(1, 4, 1, 1, 2));
  EXPECT_EQ(one.weights, 2 * count);
  EXPECT_TRUE(near(one.gradients, count));
  EXPECT_GT(one.gathered, 4 * count);  // all gradients until an update ends
  EXPECT_LT(two.gathered, count);
  EXPECT_TRUE(near(one.optimizer, 3 * count));
  EXPECT_EQ(two.weights, 2 * count);
  EXPECT_TRUE(near(two.gradients, count));
  EXPECT_EQ(two.generator, 0);
}

TEST(RankMemory, ExpertsAreDividedByTheExpertRanks) {
  const int64_t experts = int64_t{48} * 128 * 3 * 2048 * 768, rest = parameter_count(qwen3_30b()) - experts;
  const RankMemory memory = of(qwen3_30b(), mesh_of(1, 1, 1, 8));
  EXPECT_EQ(memory.generator, 2 * (rest + experts / 8));
  EXPECT_NEAR(static_cast<double>(memory.optimizer), 12.0 * static_cast<double>(rest + experts) / 8, 1e6);
}

TEST(RankMemory, ActivationsFallWithTheContextRanks) {
  Workload work = recipe(qwen3_4b(), kLong);
  work.train.micro_batch_tokens *= 8;
  work.groups = 1;
  const RankMemory whole = rank_memory(work, mesh_of(8, 1, 1, 1), kDevice),
                   split = rank_memory(work, mesh_of(1, 1, 8, 1), kDevice);
  EXPECT_EQ(split.tokens, kLong.tokens() / 8);
  const auto eighth = static_cast<double>(whole.activations) / 8;
  EXPECT_NEAR(static_cast<double>(split.activations), eighth, 0.01 * eighth);
  EXPECT_EQ(split.prompt_keys, kLong.prompt * 2 * 8 * 128 * (2 + 2 + 4));
}

// `golong plan` without --devices.
TEST(RankMemory, OfOneRankIsThatOfOneProcess) {
  const LongestGroup longest{800, 100, 4};
  for (const int64_t budget : {700, 1000, 10000}) {
    for (const bool on_cpu : {false, true}) {
      Workload work = recipe(qwen3_2b(), {longest.prompt, longest.response, longest.n});
      work.groups = 1;
      work.train.prompts_per_step = 1;
      work.train.micro_batch_tokens = budget;
      work.train.recompute = "off";
      work.on_cpu = on_cpu;
      const UpdateMemory alone =
          update_memory(work.train, work.shape, longest, on_cpu ? UpdateKernels::cpu(2) : UpdateKernels::cuda(2));
      const RankMemory memory = rank_memory(work, mesh_of(1, 1, 1, 1), kDevice);
      EXPECT_EQ(memory.tokens, alone.tokens) << budget;
      EXPECT_EQ(memory.updating() - memory.always(), alone.total()) << budget;
    }
  }
}

TEST(RankMemory, TheOptimizerMayLieOnTheHost) {
  Workload work = recipe(qwen3_4b(), kLong);
  work.train.optimizer_device = "cpu";
  const RankMemory memory = rank_memory(work, mesh_of(1, 8, 1, 1), kDevice);
  EXPECT_EQ(memory.optimizer, 0);
  EXPECT_EQ(memory.host, of(qwen3_4b(), mesh_of(1, 8, 1, 1)).optimizer);
}

TEST(RankMemory, PagesHoldWholePromptsAndResponses) {
  const int64_t token = 2 * 36 * 8 * 128 * 2;
  EXPECT_EQ(page_bytes(qwen3_4b(), 65, 2), 128 * token);
  const RankMemory memory = of(qwen3_4b(), mesh_of(1, 16, 8, 1));  // four prompts of 512 on each
  EXPECT_EQ(memory.pages_least, (163840 + 16384) * token);
  EXPECT_EQ(memory.pages_wanted, 4 * (163840 + 16 * 16384) * token);
  EXPECT_TRUE(fits(memory, kDevice));
  Workload tight = recipe(qwen3_4b(), kLong);
  tight.kv_bytes = memory.pages_least - 1;
  EXPECT_FALSE(fits(rank_memory(tight, mesh_of(1, 16, 8, 1), kDevice), kDevice));
  tight.kv_bytes = 80'000'000'000;
  EXPECT_FALSE(fits(rank_memory(tight, mesh_of(1, 16, 8, 1), kDevice), kDevice));
}

TEST(RankMemory, PhasesCountTogetherOnTheCpu) {
  RankMemory memory;
  memory.weights = 10;
  memory.activations = 5;
  memory.keys_and_values = 7;
  EXPECT_EQ(memory.total(false), 17);
  EXPECT_EQ(memory.total(true), 22);
}

}  // namespace
}  // namespace golong::scale
