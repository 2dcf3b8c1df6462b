#include "core/scale/workload.h"

#include <gmock/gmock.h>

#include "tests/unit/scale/shapes.h"

namespace golong::scale {
namespace {

using testing::ElementsAre;

Workload work_of(int64_t groups, int64_t budget) {
  Workload work;
  work.shape = small_shape();
  work.groups = groups;
  work.train.micro_batch_tokens = budget;
  return work;
}

TEST(Passes, GroupsFillMicroBatches) {
  const GroupSize size{10, 5, 4};  // 30 tokens
  EXPECT_THAT(passes_of(work_of(7, 100), size, mesh_of(1, 1, 1, 1)),
              ElementsAre(Pass{2, 3, true, 4}, Pass{1, 1, true, 4}));
  // Two parts of the batch: one of them has four groups of the seven.
  EXPECT_THAT(passes_of(work_of(7, 100), size, mesh_of(1, 2, 1, 1)),
              ElementsAre(Pass{1, 3, true, 4}, Pass{1, 1, true, 4}));
  EXPECT_THAT(passes_of(work_of(7, 100), size, mesh_of(2, 2, 1, 2)), ElementsAre(Pass{1, 1, true, 4}));
  // Two context ranks have 15 tokens each of a group.
  EXPECT_THAT(passes_of(work_of(7, 100), size, mesh_of(1, 1, 2, 1)),
              ElementsAre(Pass{1, 6, true, 2}, Pass{1, 1, true, 2}));
}

TEST(Passes, OfALargeGroupThePromptAndPartsOfItsResponses) {
  const GroupSize size{80, 10, 5};  // 130 tokens; 25 beside the prompt, as a quarter of the budget
  EXPECT_THAT(passes_of(work_of(3, 100), size, mesh_of(1, 1, 1, 1)),
              ElementsAre(Pass{3, 1, true, 0}, Pass{6, 1, false, 2}, Pass{3, 1, false, 1}));
  // 40 + 3 x 10 tokens of a context rank; 10 beside the prompt.
  EXPECT_THAT(passes_of(work_of(3, 50), size, mesh_of(1, 1, 2, 1)),
              ElementsAre(Pass{3, 1, true, 0}, Pass{9, 1, false, 1}));
  Workload apart = work_of(3, 85);
  apart.train.share_prefix = false;
  apart.longest = size;
  EXPECT_THAT(passes_of(apart, size, mesh_of(1, 1, 1, 1)), ElementsAre(Pass{15, 1, true, 1}));
}

TEST(Passes, ContextRanksShareThem) {
  EXPECT_EQ(prompt_rows(10, 0, 1), 10);
  EXPECT_EQ(prompt_rows(16, 1, 2), 8);
  EXPECT_EQ(prompt_rows(17, 0, 2), 9);  // chunks of 4, 4, 4 and 5
  EXPECT_EQ(prompt_rows(17, 1, 2), 8);
  EXPECT_EQ(most_prompt_rows(17, 2), 9);
  const GroupSize size{16, 3, 4};
  const PassSize whole = rank_share({1, 2, true, 4}, size, mesh_of(1, 1, 1, 1));
  EXPECT_EQ(whole.tokens, 2 * (16 + 4 * 3));
  EXPECT_EQ(whole.pairs, 2 * (16 * 17 / 2 + 4 * (3 * 16 + 6)));
  EXPECT_EQ(whole.projected, 2 * 4 * 3);
  const PassSize half = rank_share({1, 2, true, 2}, size, mesh_of(1, 1, 2, 1));
  EXPECT_EQ(half.tokens, whole.tokens / 2);
  EXPECT_EQ(half.pairs, whole.pairs / 2);
  EXPECT_EQ(rank_share({1, 2, false, 3}, size, mesh_of(1, 1, 2, 1)).tokens, 2 * 3 * 3);
}

}  // namespace
}  // namespace golong::scale
