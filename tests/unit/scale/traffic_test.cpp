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
  const StateTraffic sent = state_traffic(small_shape(), mesh_of(1, 3, 1, 1), 2, {5, 4, 1, 1});
  EXPECT_EQ(sent.weights, (Sent{2 * 2 * (30 + 9 * 3 * 119), 1 + 9 * 3}));
  EXPECT_EQ(sent.gradients, (Sent{2 * 4 * (30 + 4 * 3 * 119), 1 + 4 * 3}));
  EXPECT_EQ(sent.generation, (Sent{2 * 2 * (30 + 3 * 119), 4}));
  EXPECT_EQ(sent.replicas, Sent{});
  EXPECT_EQ(sent.expert_weights, Sent{});
  EXPECT_EQ(state_traffic(small_shape(), mesh_of(1, 3, 1, 1), 2, {5, 4, 1, 2}).weights.bytes,
            sent.weights.bytes + 2 * 2 * 30);
}

TEST(Traffic, WhatIsNotSplitIsGatheredAfterTheStep) {
  const int64_t parts = 30 + 3 * 119;
  const StateTraffic two = state_traffic(small_shape(), mesh_of(1, 3, 1, 1, 2), 4, {5, 4, 2, 2});
  EXPECT_EQ(two.weights.bytes, 2 * 4 * 2 * parts);
  EXPECT_EQ(two.gradients.bytes, 2 * 4 * (2 * 30 + 4 * 3 * 119));
  EXPECT_EQ(two.generation, Sent{});
  const StateTraffic one = state_traffic(small_shape(), mesh_of(1, 3, 1, 1, 1), 4, {5, 4, 2, 2});
  EXPECT_EQ(one.gradients.bytes, 2 * 4 * 2 * parts);
}

TEST(Traffic, ExpertsGoBetweenThoseThatKeepTheSame) {
  // Of 2 shards x 2 expert ranks each keeps two experts (240), and with the other shard half of them.
  const StateTraffic sent = state_traffic(small_experts(), mesh_of(1, 2, 1, 2), 2, {1, 1, 1, 1});
  EXPECT_EQ(sent.expert_weights.bytes, 2 * (kExperts / 4) * 2);
  EXPECT_EQ(sent.expert_gradients.bytes, (kExperts / 4) * 4);
  EXPECT_EQ(sent.weights.bytes, 3 * 2 * (kRoot / 4 + 2 * (2 * kLayer / 4 + kPlain / 4)));
  // Experts that one rank alone keeps are not sent.
  EXPECT_EQ(state_traffic(small_experts(), mesh_of(1, 1, 1, 4), 2, {1, 1, 1, 1}).expert_weights, Sent{});
}

TEST(Traffic, ReplicasSumWhatTheyKeep) {
  const StateTraffic sent = state_traffic(small_shape(), mesh_of(3, 2, 1, 1), 2, {7, 7, 2, 2});
  EXPECT_EQ(sent.replicas.bytes, 2 * (2 * 44 * 4 * 2 / 3 + 3 * (2 * 178 * 4 * 2 / 3)));
}

// What the last rows of two prompts take: from rank 0, and the sum of their gradients.
constexpr int64_t kRows = 2 * 8 * 2, kRowGradients = 2 * 8 * 4;

TEST(Traffic, KeysAndValuesOfPrompts) {
  const ParallelConfig mesh = mesh_of(1, 1, 2, 1);
  // Of prompts of 17 and 8 tokens rank 0 has 9 + 4, each with 2 x 2 numbers of keys and as many of values.
  const int64_t once = 13 * 8 * 2;
  const auto sent = [&](bool kept, bool backward, int64_t recomputed, int64_t rank) {
    return context_traffic(small_shape(), mesh, 2, {{17, 8}, kept, 0, 0, backward, recomputed, rank});
  };
  EXPECT_EQ(sent(false, false, 3, 0), (Sent{3 * once + kRows, 3 + 1}));
  EXPECT_EQ(sent(false, false, 0, 1), (Sent{3 * once, 3 + 1}));
  const int64_t backward = once + 2 * once;  // gradients are twice as wide
  EXPECT_EQ(sent(false, true, 0, 1), (Sent{3 * (once + backward) + kRowGradients, 3 * 3 + 2}));
  EXPECT_EQ(sent(false, true, 2, 0).bytes, 5 * once + 3 * backward + kRows + kRowGradients);
  EXPECT_EQ(sent(true, true, 0, 0).bytes, 3 * (once + backward));
  EXPECT_EQ(context_traffic(small_shape(), mesh_of(4, 4, 1, 1), 2, {{17}, false, 0, 0, true, 3, 0}), Sent{});
}

TEST(Traffic, HeadsAreExchanged) {
  ParallelConfig mesh = mesh_of(1, 1, 2, 1);
  mesh.context_method = "heads";
  // Of four heads and twice two of keys and values, two numbers of 4 bytes each, half goes; 20 rows are here, 30 there.
  const int64_t head = 2 * 4, given = (4 + 2 + 2) / 2, got = 4 / 2;
  const auto sent = [&](bool kept, int64_t recomputed) {
    return context_traffic(small_shape(), mesh, 4, {{16, 9}, kept, 20, 50, true, recomputed, 1}).bytes;
  };
  const int64_t forward = head * (given * 20 + got * 30), backward = head * (got * 20 + given * 30);
  EXPECT_EQ(sent(false, 1), 4 * forward + 3 * backward + 2 * kRowGradients / 2);
  // Of kept prompts this rank has 8 + 4 tokens of 25.
  const int64_t prompts = head * (2 + 2) / 2;
  EXPECT_EQ(sent(true, 0), 3 * (forward + backward + prompts * 12 + prompts * 13));
}

TEST(Traffic, RowsOfExpertsGoThereAndBack) {
  const ParallelConfig mesh = mesh_of(1, 1, 1, 4);
  EXPECT_EQ(expected_rows_away(small_experts(), 100, 4), 150);
  const int64_t way = 150 * 8 * 2, counts = 3 * 8,
                layers = 3 * 8;  // one expert on each rank; how many layers each recomputes
  const auto sent = [&](bool backward, int64_t recomputed) {
    return expert_traffic(small_experts(), mesh, 2, 150, backward, recomputed);
  };
  EXPECT_EQ(sent(false, 3), (Sent{2 * way + counts, 3}));
  EXPECT_EQ(sent(true, 0), (Sent{4 * way + counts + layers, 6}));
  EXPECT_EQ(sent(true, 1), sent(true, 0));  // the first layer has no experts
  EXPECT_EQ(sent(true, 3), (Sent{6 * way + 2 * counts + layers, 9}));
  EXPECT_EQ(expert_traffic(small_shape(), mesh, 2, 150, true, 3), Sent{});
}

}  // namespace
}  // namespace golong::scale
