#include "core/scale/seconds.h"

#include <gtest/gtest.h>

#include "core/scale/generation.h"
#include "tests/unit/scale/shapes.h"

namespace golong::scale {
namespace {

const Devices kNode{8, find_device("H100-80GB", "--devices")}, kOne{1, find_device("H200-141GB", "--devices")};

// Updates that were measured on an H200 (docs/benchmarks.md, "On a GPU"); the shares were fitted to them.
TEST(Seconds, OfUpdatesThatWereMeasured) {
  const struct {
    ModelShape shape;
    GroupSize size;
    const char* recompute;
    double seconds;
  } rows[] = {{qwen3_2b(), {8192, 256, 16}, "off", 0.385},
              {qwen3_2b(), {8192, 256, 16}, "all", 0.48},
              {qwen3_4b(), {16384, 256, 16}, "all", 2.2},
              {qwen3_2b(), {131072, 512, 16}, "all", 21.2}};
  for (const auto& row : rows) {
    Workload work = recipe(row.shape, row.size);
    work.groups = 1;
    work.drawn = 0;
    work.train.recompute = row.recompute;
    work.train.micro_batch_tokens = row.size.tokens();
    EXPECT_NEAR(step_seconds(work, mesh_of(1, 1, 1, 1), kOne, 1).total() / row.seconds, 1, 0.12) << row.seconds;
  }
}

// Of Qwen3-4B: seconds until the first token, tokens decoded a second.
TEST(Seconds, OfGenerationThatWasMeasured) {
  const struct {
    int64_t prompts, prompt;
    double first, decoded;
  } rows[] = {{1, 8192, 0.145, 2400}, {8, 8192, 1.1, 11150}, {1, 131072, 12, 1020}};
  for (const auto& row : rows) {
    Workload work = recipe(qwen3_4b(), {row.prompt, 64, 16});
    work.drawn = row.prompts;
    const double token = decode_seconds(work, mesh_of(1, 1, 1, 1), kOne, 16 * row.prompts);
    EXPECT_NEAR(static_cast<double>(16 * row.prompts) / token / row.decoded, 1, 0.15) << row.prompt;
    const Generation all = generation_seconds(work, mesh_of(1, 1, 1, 1), kOne, 100'000'000'000);
    EXPECT_EQ(all.together, 16 * row.prompts);
    EXPECT_NEAR((all.seconds - 64 * token) / row.first, 1, 0.12) << row.prompt;
  }
}

TEST(Seconds, SpansAreCountedInTheNode) {
  const ParallelConfig mesh = mesh_of(2, 4, 4, 2);  // context ranks are neighbours: two such groups in a node
  EXPECT_EQ(span_of(mesh, Among::context, 8), (Span{4, 4}));
  EXPECT_EQ(span_of(mesh, Among::expert, 8), (Span{2, 2}));
  EXPECT_EQ(span_of(mesh, Among::replica, 8), (Span{32, 8}));
  EXPECT_EQ(span_of(mesh, Among::expert_replica, 8), (Span{16, 4}));
  EXPECT_EQ(span_of(mesh, Among::replicas, 8), (Span{2, 1}));
}

TEST(Seconds, LinksTakeBytesAndHops) {
  Device device{.inside = {1000, 0.5}, .between = {100, 2}, .start_seconds = 0.25};
  EXPECT_EQ(ring_seconds({5000, 3}, {4, 4}, device), 5 + 3 * (0.25 + 3 * 0.5));
  // Two nodes of two ranks: both use their network, two hops are between nodes.
  EXPECT_EQ(ring_seconds({5000, 1}, {4, 2}, device), 25 + 0.25 + 2 * 2 + 2 * 0.5);
  EXPECT_EQ(ring_seconds({5000, 1}, {1, 1}, device), 0);
  EXPECT_EQ(exchange_seconds({3000, 1}, {4, 4}, device), 3 + 0.25 + 0.5);
  EXPECT_EQ(exchange_seconds({3000, 1}, {4, 2}, device), 20 + 0.25 + 2);  // 2,000 bytes leave the node
}

TEST(Seconds, MoreRanksAreFasterAndSendMore) {
  const Workload work = recipe(qwen3_4b(), {32768, 4096, 16});
  double before = 1e9, sent = -1;
  for (int64_t ranks = 1; ranks <= 8; ranks *= 2) {
    const StepSeconds seconds = step_seconds(work, mesh_of(1, ranks, 1, 1), kNode, 20'000'000'000);
    EXPECT_LT(seconds.total(), before);
    before = seconds.total();
    const auto states = static_cast<double>(step_traffic(work, mesh_of(1, ranks, 1, 1)).states.generation.bytes);
    EXPECT_GT(states, sent);
    sent = states;
  }
}

TEST(Seconds, APassWithLittleToComputeWaitsForWeights) {
  Workload work = recipe(qwen3_4b(), {64, 16, 2});
  work.groups = 8;
  work.drawn = 8;
  const StepSeconds little = step_seconds(work, mesh_of(1, 8, 1, 1), kNode, 20'000'000'000);
  EXPECT_GT(little.communication, little.forward + little.backward);
  const StepSeconds much =
      step_seconds(recipe(qwen3_4b(), {163840, 16384, 16}), mesh_of(1, 8, 1, 1), kNode, 20'000'000'000);
  EXPECT_GT(much.hidden, 0);
  EXPECT_LT(much.communication, 0.01 * much.forward);
}

TEST(Seconds, TrafficOfAStepAddsUpItsPasses) {
  Workload work = recipe(small_experts(), {16, 4, 4});
  work.groups = 4;
  work.train.micro_batch_tokens = 32;  // a pass of two groups: 16 tokens of each on a context rank
  work.train.recompute = "off";
  work.fixed_passes = work.fixed_models = 1;
  const ParallelConfig mesh = mesh_of(1, 1, 2, 2);
  const StepTraffic traffic = step_traffic(work, mesh);
  EXPECT_EQ(traffic.states.weights, state_traffic(small_experts(), mesh, 2, {2, 1, 1, 2}).weights);
  Sent context = context_traffic(small_experts(), mesh, 2, {{16, 16}, false, 32, 64, true});
  context.add(context_traffic(small_experts(), mesh, 2, {{16, 16}, false, 32, 64, false}));
  EXPECT_EQ(traffic.context, context);
  // 32 tokens of a rank, two experts each, half of them elsewhere: there and back forward, backward, and once more
  // forward; twice how many go to two experts.
  EXPECT_EQ(traffic.experts.bytes, 32 * 2 * 8 * 2 * 3 + 2 * 2 * 8 + 8);
}

}  // namespace
}  // namespace golong::scale
