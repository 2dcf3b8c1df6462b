#include "core/parallel/mesh.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/error_message.h"
#include "tests/unit/ranks.h"

namespace golong::parallel {
namespace {

TEST(MeshShape, EveryRankHasAPlaceOfItsOwn) {
  const MeshShape shape{2, 3, 2, 4};
  for (int64_t rank = 0; rank < shape.ranks(); ++rank) EXPECT_EQ(rank_at(place_of(rank, shape), shape), rank);
  EXPECT_EQ(place_of(1, shape).context, 1);  // neighbours
}

TEST(Mesh, GroupsAreThoseOfItsDimensions) {
  on_ranks(8, [](World& world) {
    const Mesh mesh(world, {2, 1, 2, 2});
    // The sum of the ranks' numbers in each group.
    const auto sum = [&](const Group& group) {
      const at::Tensor x = at::full({1}, world.rank().rank, at::kFloat);
      group.sum(x);
      return static_cast<int64_t>(x.item<float>());
    };
    const int64_t rank = world.rank().rank, first = rank / 4 * 4;
    EXPECT_EQ(sum(mesh.context), rank / 2 * 4 + 1);
    EXPECT_EQ(sum(mesh.expert), 2 * first + 2 * (rank % 2) + 2);
    EXPECT_EQ(sum(mesh.replica), 4 * first + 6);
    EXPECT_EQ(sum(mesh.expert_replica), sum(mesh.context));
    EXPECT_EQ(sum(mesh.replicas), 2 * (rank % 4) + 4);
    EXPECT_EQ(mesh.parts(), 4);
    EXPECT_EQ(mesh.part(), rank / 2);
  });
}

TEST(Mesh, SaysHowManyRanksItNeeds) {
  on_ranks(2, [](World& world) {
    EXPECT_THAT(
        error_message([&] {
          Mesh(world, {1, 4, 1, 1});
        }),
        ::testing::HasSubstr("1 x 4 x 1 x 1 (replicate x shard x context x expert) = 4 ranks, and 2 are running"));
  });
}

}  // namespace
}  // namespace golong::parallel
