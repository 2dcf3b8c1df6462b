#include "core/train/packing.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

namespace golong {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

std::vector<int64_t> values(const at::Tensor& tensor) {
  const int64_t* data = tensor.const_data_ptr<int64_t>();
  return {data, data + tensor.numel()};
}

Group group(std::vector<int32_t> prompt, std::vector<std::vector<int32_t>> responses) {
  Group made;
  made.prompt.token_ids = std::move(prompt);
  for (auto& ids : responses) {
    made.responses.emplace_back();
    made.responses.back().token_ids = std::move(ids);
  }
  return made;
}

TEST(Pack, LaysGroupsOutAndProjectsOnlyWhatPredicts) {
  Group a = group({10, 11, 12}, {{20, 21}, {}, {30}}), b = group({40}, {{50, 51, 52}});
  Packed packed = pack({&a, &b}, at::kCPU);
  EXPECT_THAT(values(packed.token_ids), ElementsAre(10, 11, 12, 20, 21, 30, 40, 50, 51, 52));
  EXPECT_THAT(values(packed.positions), ElementsAre(0, 1, 2, 3, 4, 3, 0, 1, 2, 3));
  EXPECT_THAT(values(packed.targets), ElementsAre(20, 21, 30, 50, 51, 52));
  EXPECT_THAT(values(packed.rows), ElementsAre(2, 3, 2, 6, 7, 8));
  EXPECT_THAT(values(packed.prompt_rows), ElementsAre(0, 1));
  EXPECT_THAT(values(packed.prompt_targets), ElementsAre(11, 12));
  ASSERT_EQ(packed.layouts.size(), 2u);
  EXPECT_EQ(packed.layouts[0].prompt, 3);
  EXPECT_THAT(packed.layouts[0].responses, ElementsAre(2, 0, 1));
  EXPECT_THAT(packed.layouts[1].responses, ElementsAre(3));
  EXPECT_EQ(packed.layouts[0].tokens() + packed.layouts[1].tokens(), packed.token_ids.size(0));
}

TEST(Split, KeepsGroupsWholeInOrderAndWithinTheBudget) {
  std::vector<Group> groups;
  for (int tokens : {4, 4, 3, 20, 1, 9}) groups.push_back(group(std::vector<int32_t>(tokens - 1, 1), {{2}}));
  std::vector<const Group*> pointers;
  for (const Group& g : groups) pointers.push_back(&g);
  auto sizes = [&](int64_t budget) {
    std::vector<size_t> found;
    std::vector<const Group*> order;
    for (const auto& part : split(pointers, budget)) {
      found.push_back(part.size());
      order.insert(order.end(), part.begin(), part.end());
    }
    EXPECT_THAT(order, ElementsAreArray(pointers));
    return found;
  };
  EXPECT_THAT(sizes(11), ElementsAre(3, 1, 2));
  EXPECT_THAT(sizes(10), ElementsAre(2, 1, 1, 2));
  EXPECT_THAT(sizes(1), ElementsAre(1, 1, 1, 1, 1, 1));
  EXPECT_THAT(sizes(1000), ElementsAre(6));
}

}  // namespace
}  // namespace golong
