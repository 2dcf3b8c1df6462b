// Bytes that a rank sends in an update, counted, against those that the model of scale computes from shapes, lengths
// and mesh.
#include <gtest/gtest.h>

#include "core/scale/seconds.h"
#include "core/train/learner.h"
#include "tests/distributed/expert_ranks.h"

namespace golong {
namespace {

using parallel::Mesh;
using parallel::on_ranks;
using parallel::World;

struct Case {
  std::string name;
  int64_t replicate = 1, shard = 1, context = 1, expert = 1;
  int64_t zero = 3;
  bool experts = false;
  int64_t micro_batch_tokens = 1000;  // all groups at once
  std::string recompute = "off", method = "gather";
  bool passes_before = false;  // for log-probabilities that stay
};

// Every token is sent to every expert, so that it is known how many rows leave a rank.
ModelShape shape_of(const Case& c) {
  ModelShape shape = c.experts ? deep_experts() : tiny_shape();
  if (c.experts) shape.experts.per_token = shape.experts.count;
  if (!c.experts) shape.layers = 4;
  shape.kv_heads = 4;
  return shape;
}

constexpr scale::GroupSize kGroup{24, 5, 4};  // a prompt in chunks of the same length on 2 and 4 context ranks
constexpr int64_t kGroups = 4;

scale::Workload workload_of(const Case& c, const ModelShape& shape, const TrainConfig& train) {
  scale::Workload work;
  work.shape = shape;
  work.number_bytes = 4;
  work.longest = work.usual = kGroup;
  work.train = train;
  work.groups = kGroups;
  work.fixed_passes = work.fixed_models = c.passes_before ? 1 : 0;
  work.optimizer_steps = c.passes_before ? 2 : 1;  // updates of the same batch
  work.on_cpu = true;
  return work;
}

void compare(World& world, const Case& c) {
  SCOPED_TRACE(c.name);
  const ModelShape shape = shape_of(c);
  TrainConfig train;
  train.micro_batch_tokens = c.micro_batch_tokens;
  train.recompute = c.recompute;
  train.updates_per_batch = c.passes_before ? 2 : 1;
  std::vector<Group> groups;
  for (uint64_t seed = 0; seed < kGroups; ++seed) {
    groups.push_back(random_group(kGroup.prompt, std::vector<size_t>(kGroup.n, kGroup.response), seed));
  }
  const std::vector<std::vector<double>> advantages(kGroups, {1, -1, 0.5, -0.5});
  const Mesh mesh(world, {c.replicate, c.shard, c.context, c.expert});
  const std::unique_ptr<Model> model = make_model(shape, at::kFloat, at::kCPU, 7, mesh.expert);
  ShardedStates states(*model, mesh, static_cast<parallel::Split>(c.zero));
  Learner learner(*model, train, 16, 1, nullptr, {&mesh, &states, nullptr, nn::parse_context_method(c.method)});
  learner.expect(1);
  const int64_t before = world.traffic().bytes_sent;
  learner.update(groups, advantages);
  const int64_t sent = world.traffic().bytes_sent - before;
  ParallelConfig parallel;
  parallel.replicate = c.replicate;
  parallel.shard = c.shard;
  parallel.context = c.context;
  parallel.expert = c.expert;
  parallel.zero = c.zero;
  parallel.context_method = c.method;
  // Of the context ranks the first one sends the prompts' last rows; of those that split a unit the last ones keep
  // less.
  if (mesh.place.context == 0 && (c.replicate == 1 || (mesh.place.shard == 0 && mesh.place.expert == 0))) {
    EXPECT_EQ(sent, scale::update_bytes(workload_of(c, shape, train), parallel)) << "rank " << world.rank().rank;
  }
}

void compare_all(int64_t ranks, const std::vector<Case>& cases) {
  on_ranks(ranks, [&](World& world) {
    for (const Case& c : cases) compare(world, c);
  });
}

TEST(Traffic, OfOneRankIsNone) { compare_all(1, {{"alone"}, {.name = "alone, experts", .experts = true}}); }

TEST(Traffic, OfTwoRanks) {
  compare_all(2, {{.name = "replicas", .replicate = 2},
                  {.name = "shards", .shard = 2},
                  {.name = "shards, zero 1", .shard = 2, .zero = 1},
                  {.name = "shards, zero 2", .shard = 2, .zero = 2},
                  {.name = "a group at a time, recomputed", .shard = 2, .micro_batch_tokens = 50, .recompute = "all"},
                  {.name = "part by part", .shard = 2, .micro_batch_tokens = 30},
                  {.name = "passes before", .shard = 2, .micro_batch_tokens = 50, .passes_before = true},
                  {.name = "context", .context = 2},
                  {.name = "context, recomputed", .context = 2, .micro_batch_tokens = 25, .recompute = "all"},
                  {.name = "context, part by part", .context = 2, .micro_batch_tokens = 15, .recompute = "all"},
                  {.name = "context, passes before", .context = 2, .zero = 2, .passes_before = true},
                  {.name = "heads", .context = 2, .recompute = "all", .method = "heads"},
                  {.name = "heads, part by part", .context = 2, .micro_batch_tokens = 15, .method = "heads"},
                  {.name = "experts", .expert = 2, .experts = true},
                  {.name = "experts, recomputed", .expert = 2, .experts = true, .recompute = "all"},
                  {.name = "experts, part by part", .expert = 2, .experts = true, .micro_batch_tokens = 30},
                  {.name = "shards of experts", .shard = 2, .experts = true}});
}

TEST(Traffic, OfFourRanks) {
  compare_all(4, {{.name = "four shards", .shard = 4},
                  {.name = "replicas of shards", .replicate = 2, .shard = 2},
                  {.name = "replicas of context", .replicate = 2, .context = 2, .recompute = "all"},
                  {.name = "four context ranks", .context = 4, .micro_batch_tokens = 10},
                  {.name = "four context ranks, heads", .context = 4, .method = "heads"},
                  {.name = "shards of context", .shard = 2, .context = 2, .micro_batch_tokens = 25},
                  {.name = "shards and expert ranks", .shard = 2, .expert = 2, .experts = true, .recompute = "all"},
                  {.name = "context and expert ranks", .context = 2, .expert = 2, .experts = true},
                  {.name = "replicas of expert ranks", .replicate = 2, .expert = 2, .experts = true}});
}

}  // namespace
}  // namespace golong
