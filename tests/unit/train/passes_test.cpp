#include "core/train/passes.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "core/train/forward.h"
#include "core/train/kept_prompt.h"
#include "tests/unit/train/tiny_model.h"

namespace golong {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(PlanPasses, PutsLargeGroupsBehindTheOthers) {
  const Group a = random_group(10, {5, 5}, 1), large = random_group(10, {20, 30}, 2), b = random_group(4, {4}, 3),
              c = random_group(30, {2}, 4);
  const Passes passes = plan_passes({&a, &large, &b, &c}, 40, true);
  EXPECT_THAT(passes.packed, ElementsAre(ElementsAre(&a, &b), ElementsAre(&c)));
  ASSERT_EQ(passes.large.size(), 1u);
  EXPECT_EQ(passes.large[0].group, &large);
  EXPECT_THAT(passes.large[0].parts, ElementsAre(ElementsAre(ElementsAre(0)), ElementsAre(ElementsAre(1))));
  EXPECT_EQ(most_tokens(passes.packed[0], true), 28);
  EXPECT_EQ(most_tokens(passes.large[0]), 40);
  // On two ranks each has half of it.
  EXPECT_THAT(plan_passes({&large}, 40, true, 2).large, IsEmpty());
  EXPECT_EQ(most_tokens({&large}, true, 2), 35);
  EXPECT_THAT(plan_passes({&large}, 40, false).large, IsEmpty());  // a prompt for each response: nothing is kept
}

TEST(ResponseParts, HoldEachResponseOnceWithinTheBudgetOfEachRank) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 200; ++round) {
    std::vector<size_t> lengths(1 + random() % 9);
    for (size_t& length : lengths) length = random() % 40;
    const Group group = random_group(1 + random() % 60, lengths, 3);
    const auto contexts = static_cast<int64_t>(1 + random() % 4), budget = static_cast<int64_t>(1 + random() % 120);
    std::vector<int> count(lengths.size(), 0);
    const auto dealt = deal(group, contexts);
    for (const Part& part : response_parts(group, budget, contexts)) {
      ASSERT_EQ(part.size(), static_cast<size_t>(contexts));
      int64_t all = 0;
      for (int64_t rank = 0; rank < contexts; ++rank) {
        const Slice slice{&group, part[static_cast<size_t>(rank)]};
        const auto& theirs = dealt[static_cast<size_t>(rank)];
        EXPECT_TRUE(std::includes(theirs.begin(), theirs.end(), slice.responses.begin(), slice.responses.end()));
        const auto prompt = static_cast<int64_t>(group.prompt.token_ids.size());
        const auto with_tokens =
            std::count_if(slice.responses.begin(), slice.responses.end(), [&](size_t r) { return lengths[r] > 0; });
        if (with_tokens > 1) {
          EXPECT_LE(tokens_of(slice), std::max(budget - nn::prompt_tokens(prompt, rank, contexts), budget / 4));
        }
        for (const size_t response : slice.responses) ++count[response];
        all += tokens_of(slice);
      }
      EXPECT_GT(all, 0);
    }
    for (size_t r = 0; r < lengths.size(); ++r) {
      if (lengths[r] > 0) {
        EXPECT_EQ(count[r], 1) << r;
      }
    }
  }
}

TEST(FillUp, GivesAllAsManyPassesAndParts) {
  const Group a = random_group(10, {5, 5}, 1), large = random_group(10, {20, 30, 25}, 2),
              small = random_group(10, {16, 16}, 3);
  std::vector<Passes> all{plan_passes({&a, &small, &large}, 40, true, 1), plan_passes({&a, &a, &a}, 40, true, 1), {}};
  fill_up(all);
  for (const Passes& passes : all) {
    EXPECT_EQ(passes.packed.size(), 2u);
    ASSERT_EQ(passes.large.size(), 2u);
    EXPECT_EQ(passes.large[0].parts.size(), 3u);
    EXPECT_EQ(passes.large[1].parts.size(), 2u);
  }
  EXPECT_EQ(all[0].large[0].group, &large);  // with the most parts first
  EXPECT_THAT(all[0].packed, ElementsAre(ElementsAre(&a), IsEmpty()));
  EXPECT_EQ(all[1].large[0].group, nullptr);
  EXPECT_THAT(all[1].large[0].parts, Each(ElementsAre(IsEmpty())));
  EXPECT_THAT(all[2].packed, Each(IsEmpty()));
  EXPECT_EQ(most_tokens(all[2].large[0]), 0);
}

// What a rank runs when others have groups and it has none.
TEST(EmptyPasses, RunThroughTheModelAndGiveNoGradient) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const std::unique_ptr<Model> model = tiny_model(type);
    for (const int64_t recomputed : {0, 1}) {
      const auto backward = [](const nn::TokenLogprobs& of) {
        ASSERT_EQ(of.logprobs.size(0), 0);
        (of.logprobs.sum() + of.entropy.sum()).backward();
      };
      backward(response_logprobs(*model, pack({}, at::kCPU), 1, recomputed));
      KeptPrompt prompt(*model, nullptr, recomputed);
      for (int part = 0; part < 2; ++part) backward(prompt.logprobs(Part(1), 1));
      prompt.backward();
      for (const auto& [name, tensor] : model->parameters()) {
        if (tensor.grad().defined()) {
          EXPECT_EQ(tensor.grad().abs().max().item<double>(), 0) << name;
        }
      }
    }
  }
}

}  // namespace
}  // namespace golong
