#include "core/scale/search.h"

#include <gmock/gmock.h>

#include "tests/unit/scale/shapes.h"

namespace golong::scale {
namespace {

using testing::HasSubstr;

const Devices kNode{8, find_device("H100-80GB", "--devices")};
const GroupSize kLong{163840, 16384, 16};

TEST(Meshes, AreAllThatTheModelCanRunOn) {
  EXPECT_EQ(meshes_of(8, {}, small_shape()).size(), 10U);    // ways to deal three factors 2 to three dimensions
  EXPECT_EQ(meshes_of(8, {}, small_experts()).size(), 19U);  // to four, but for all three to the four experts
  ParallelConfig heads;
  heads.context_method = "heads";
  EXPECT_EQ(meshes_of(8, heads, small_shape()).size(), 7U);  // two heads of keys: context 1 or 2
  for (const ParallelConfig& mesh : meshes_of(24, {}, small_experts())) {
    EXPECT_EQ(ranks_of(mesh), 24);
    EXPECT_EQ(4 % mesh.expert, 0);
  }
}

TEST(Meshes, MistakesNameTheKey) {
  const auto of = [](const ParallelConfig& mesh, const ModelShape& shape) {
    const auto found = mistake_of(mesh, shape);
    return found ? found->key + ": " + found->text : std::string();
  };
  EXPECT_EQ(of(mesh_of(2, 3, 5, 4), small_experts()), "");
  EXPECT_THAT(of(mesh_of(1, 1, 1, 3), small_experts()), HasSubstr("parallel.expert: expected a number that divides"));
  EXPECT_THAT(of(mesh_of(1, 1, 1, 2), small_shape()), HasSubstr("parallel.expert: the model has no experts"));
  ParallelConfig heads = mesh_of(1, 1, 4, 1);
  heads.context_method = "heads";
  EXPECT_THAT(of(heads, small_shape()), HasSubstr("2 key-value heads, found 4"));
}

TEST(Suggestion, FitsAndIsTheFastest) {
  for (const ModelShape& shape : {qwen3_4b(), qwen3_30b()}) {
    const Workload work = recipe(shape, kLong);
    const Candidate best = suggest(work, 128, {}, kNode);
    EXPECT_TRUE(best.fits);
    EXPECT_TRUE(fits(best.memory, kNode.device));
    for (const ParallelConfig& mesh : meshes_of(128, {}, shape)) {
      const Candidate other = examine(work, mesh, kNode);
      if (other.fits) {
        EXPECT_GE(other.seconds.total(), best.seconds.total());
      }
    }
  }
}

TEST(Suggestion, IsTheSmallestWhereNoneFits) {
  const Workload work = recipe(qwen3_30b(), kLong);
  const Candidate least = suggest(work, 1, {}, kNode);
  EXPECT_FALSE(least.fits);
  Workload all = work;
  all.train.recompute = "off";
  const Candidate best = suggest(all, 8, {}, kNode);
  EXPECT_FALSE(best.fits);
  for (const ParallelConfig& mesh : meshes_of(8, {}, qwen3_30b())) {
    EXPECT_GE(examine(all, mesh, kNode).memory.total(false), best.memory.total(false));
  }
}

}  // namespace
}  // namespace golong::scale
