#include "core/train/flops.h"

#include <gtest/gtest.h>

#include "core/train/packing.h"
#include "tests/unit/train/tiny_model.h"

namespace golong {
namespace {

// Of a layer: q and o 32 x 32, k and v 32 x 16. Of its MLP: three times 32 x 48. The head is 48 x 32.
constexpr double attention = 2 * 32 * 32 + 2 * 32 * 16, mlp = 3 * 32 * 48, head = 48 * 32;

TEST(Flops, CountProductsAndAttentionOfASharedPrompt) {
  const Group group = random_group(5, {3, 0, 2}, 1);
  // Each token sees itself and those before it: 15 pairs in the prompt, 3 * 5 + 6 and 2 * 5 + 3 of the responses. A
  // pair takes 4 operations in each of 2 layers, 4 heads and 8 dimensions.
  const double expected = 2 * 2 * (attention + mlp) * (5 + 3 + 2) + 4 * 2 * 4 * 8 * (15 + 21 + 13) + 2 * head * 5;
  EXPECT_EQ(forward_flops(*tiny_model(), {&group}, true), expected);
}

TEST(Flops, ARepeatedPromptCountsForEachResponse) {
  const std::unique_ptr<Model> model = tiny_model();
  const Group group = random_group(9, {3, 4}, 2);
  const Group first = random_group(9, {3}, 2), second = random_group(9, {4}, 2);
  EXPECT_EQ(forward_flops(*model, {&group}, false), forward_flops(*model, {&first, &second}, true));
}

TEST(Flops, OfTheExpertsThoseThatATokenIsSentTo) {
  const Group group = random_group(1, {1}, 3);
  const double router = 6 * 32, experts = 2 * 3 * 32 * 16;  // two of six, in the second layer
  const double expected = 2 * (2 * attention + mlp + router + experts) * 2 + 4 * 2 * 4 * 8 * (1 + 2) + 2 * head;
  EXPECT_EQ(forward_flops(*tiny_model(at::kFloat, 7, tiny_experts()), {&group}, true), expected);
}

}  // namespace
}  // namespace golong
