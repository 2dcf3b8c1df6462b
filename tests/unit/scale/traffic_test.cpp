#include "core/scale/traffic.h"

#include <gtest/gtest.h>

#include "core/model/parameter_count.h"
#include "tests/unit/scale/shapes.h"

namespace golong::scale {
namespace {

constexpr int64_t kRoot = 88, kLayer = 356, kPlain = 244, kExperts = 480;

TEST(Traffic, RingsSendAllPartsButOne) {
  EXPECT_EQ(gather_sent(10, 4), (Sent{30, 1}));
  EXPECT_EQ(sum_sent(100, 4), (Sent{150, 1}));
  for (const Sent& nothing : {gather_sent(10, 1), sum_sent(10, 1), gather_sent(0, 4)}) EXPECT_EQ(nothing, Sent{});
}

TEST(Traffic, UnitsAreTheWholeModel) {
  for (const ModelShape& shape : {small_shape(), small_experts(), qwen3_4b(), qwen3_30b()}) {
    int64_t count = 0;
    for (const Unit& unit : units_of(shape, 1)) count += unit.plain + unit.experts;
    EXPECT_EQ(count, parameter_count(shape));
  }
  const std::vector<Unit> units = units_of(small_experts(), 2);
  ASSERT_EQ(units.size(), 4U);
  EXPECT_EQ(units[0].plain, kRoot);
  EXPECT_EQ(units[1].plain, kLayer);
  EXPECT_EQ(units[2].plain, kPlain);
  EXPECT_EQ(units[2].experts, kExperts / 2);
}

TEST(Traffic, EachLayersWeightsInEachPass) {
  // Three ranks keep 30 of the first unit and 119 of each layer (357 with one to fill up).
  const StateTraffic sent = state_traffic(small_shape(), mesh_of(1, 3, 1, 1), 2, {5, 4, 1});
  EXPECT_EQ(sent.weights, (Sent{2 * 2 * (30 + 9 * 3 * 119), 1 + 9 * 3}));
  EXPECT_EQ(sent.gradients, (Sent{2 * 4 * (30 + 4 * 3 * 119), 1 + 4 * 3}));
  EXPECT_EQ(sent.generation, (Sent{2 * 2 * (30 + 3 * 119), 4}));
  EXPECT_EQ(sent.replicas, Sent{});
  EXPECT_EQ(sent.expert_weights, Sent{});
}

TEST(Traffic, WhatIsNotSplitIsGatheredAfterTheStep) {
  const int64_t parts = 30 + 3 * 119;
  const StateTraffic two = state_traffic(small_shape(), mesh_of(1, 3, 1, 1, 2), 4, {5, 4, 2});
  EXPECT_EQ(two.weights.bytes, 2 * 4 * 2 * parts);
  EXPECT_EQ(two.gradients.bytes, 2 * 4 * (2 * 30 + 4 * 3 * 119));
  EXPECT_EQ(two.generation, Sent{});
  const StateTraffic one = state_traffic(small_shape(), mesh_of(1, 3, 1, 1, 1), 4, {5, 4, 2});
  EXPECT_EQ(one.gradients.bytes, 2 * 4 * 2 * parts);
}

TEST(Traffic, ExpertsGoBetweenThoseThatKeepTheSame) {
  // Of 2 shards x 2 expert ranks each keeps two experts (240), and with the other shard half of them.
  const StateTraffic sent = state_traffic(small_experts(), mesh_of(1, 2, 1, 2), 2, {1, 1, 1});
  EXPECT_EQ(sent.expert_weights.bytes, 2 * (kExperts / 4) * 2);
  EXPECT_EQ(sent.expert_gradients.bytes, (kExperts / 4) * 4);
  EXPECT_EQ(sent.weights.bytes, 3 * 2 * (kRoot / 4 + 2 * (2 * kLayer / 4 + kPlain / 4)));
  // Experts that one rank alone keeps are not sent.
  EXPECT_EQ(state_traffic(small_experts(), mesh_of(1, 1, 1, 4), 2, {1, 1, 1}).expert_weights, Sent{});
}

TEST(Traffic, ReplicasSumWhatTheyKeep) {
  const StateTraffic sent = state_traffic(small_shape(), mesh_of(3, 2, 1, 1), 2, {7, 7, 2});
  EXPECT_EQ(sent.replicas.bytes, 2 * (2 * 44 * 4 * 2 / 3 + 3 * (2 * 178 * 4 * 2 / 3)));
}

TEST(Traffic, KeysAndValuesOfPrompts) {
  const ParallelConfig mesh = mesh_of(1, 1, 2, 1);
  // Chunks of 5 and 2 of the prompts: 10 + 4 rows of a rank, each 2 x 2 numbers of keys and as many of values.
  const int64_t once = 14 * 4 * 2 * 2;
  const auto sent = [&](bool backward, int64_t recomputed) {
    return context_traffic(small_shape(), mesh, 2, {{17, 8}, 99, backward, recomputed});
  };
  EXPECT_EQ(sent(false, 0), (Sent{3 * once, 6}));
  EXPECT_EQ(sent(true, 0), (Sent{3 * (2 * once + 2 * once), 18}));  // gradients are twice as wide
  EXPECT_EQ(sent(true, 2).bytes, 3 * 4 * once + 2 * once);
  EXPECT_EQ(context_traffic(small_shape(), mesh_of(4, 4, 1, 1), 2, {{17}, 17, true, 3}), Sent{});
}

TEST(Traffic, HeadsAreExchanged) {
  ParallelConfig mesh = mesh_of(1, 1, 2, 1);
  mesh.context_method = "heads";
  const int64_t once = 20 * (4 + 2 + 2 + 4) * 2 * 4 / 2;  // half of q, k, v and out stays
  EXPECT_EQ(context_traffic(small_shape(), mesh, 4, {{30}, 20, true, 1}).bytes, (3 * 2 + 1) * once);
}

TEST(Traffic, RowsOfExpertsGoThereAndBack) {
  const ParallelConfig mesh = mesh_of(1, 1, 1, 4);
  EXPECT_EQ(expected_rows_away(small_experts(), 100, 4), 150);
  const int64_t row = 8 * 2;
  EXPECT_EQ(expert_traffic(small_experts(), mesh, 2, 150, false, 0).bytes, 2 * 150 * row);
  EXPECT_EQ(expert_traffic(small_experts(), mesh, 2, 150, true, 0).bytes, 4 * 150 * row);
  EXPECT_EQ(expert_traffic(small_experts(), mesh, 2, 150, true, 1).bytes, 4 * 150 * row);  // the first has no experts
  EXPECT_EQ(expert_traffic(small_experts(), mesh, 2, 150, true, 3).bytes, 6 * 150 * row);
  EXPECT_EQ(expert_traffic(small_shape(), mesh, 2, 150, true, 3), Sent{});
}

}  // namespace
}  // namespace golong::scale
