// An update that ranks share against the same update by one process: loss, gradient norm, gradients and weights, for
// each dimension of the mesh and pairs of them, dense models and experts.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>

#include "core/train/learner.h"
#include "core/train/rank_step.h"
#include "tests/distributed/expert_ranks.h"
#include "tests/unit/ranks.h"

namespace golong {
namespace {

using parallel::Mesh;
using parallel::MeshShape;
using parallel::on_ranks;
using parallel::Piece;
using parallel::Split;
using parallel::World;

struct Case {
  std::string name;
  MeshShape mesh;
  Split split = Split::weights;
  bool experts = false;
  int64_t micro_batch_tokens = 100000;
  std::string recompute = "off";
  nn::ContextMethod method = nn::ContextMethod::gather;
  std::string loss = "ppo";
};

ModelShape deep_dense() {
  ModelShape shape = tiny_shape();
  shape.layers = 4;
  shape.heads = 8;
  shape.kv_heads = 4;
  return shape;
}

std::unique_ptr<Model> model_of(const Case& c, const parallel::Group& experts = {}) {
  return c.experts ? expert_model(at::kFloat, experts) : tiny_model(at::kFloat, 7, deep_dense());
}

TrainConfig config_of(const Case& c) {
  TrainConfig config;
  config.micro_batch_tokens = c.micro_batch_tokens;
  config.recompute = c.recompute;
  config.loss = c.loss;
  config.learning_rate = 1e-3;
  config.warmup_steps = 0;
  config.clip_grad_norm = 0.5;
  config.kl.estimator = "none";
  return config;
}

struct Batch {
  std::vector<Group> groups;
  std::vector<std::vector<double>> advantages;
};

// Responses of unequal lengths, an empty one, a long prompt, a short one, fewer groups than some meshes have parts.
Batch batch_of(bool many) {
  Batch batch;
  batch.groups = {random_group(40, {9, 3, 0, 14}, 1), random_group(3, {5}, 2), random_group(17, {2, 8, 8}, 3)};
  if (!many) batch.groups.resize(2);
  for (size_t g = 0; g < batch.groups.size(); ++g) {
    auto& those = batch.advantages.emplace_back();
    for (size_t r = 0; r < batch.groups[g].responses.size(); ++r)
      those.push_back(0.7 - 0.9 * static_cast<double>(r % 3));
  }
  return batch;
}

// The gradients and weights of one process after an update.
struct Expected {
  Metrics metrics;
  std::map<std::string, at::Tensor> gradients, weights;
};

Expected expected_of(const Case& c, const Batch& batch) {
  Expected expected;
  const std::unique_ptr<Model> model = model_of(c);
  Learner learner(*model, config_of(c), 16);
  learner.expect(1);
  expected.metrics = learner.update(batch.groups, batch.advantages);
  for (const auto& [name, tensor] : model->parameters()) {
    expected.gradients[name] = learner.optimizer().gradient(name).flatten();
    expected.weights[name] = tensor.detach().flatten();
  }
  return expected;
}

void compare(World& world, const Case& c, bool many) {
  SCOPED_TRACE(c.name + (many ? "" : ", few groups"));
  const Batch batch = batch_of(many);
  const Expected expected = expected_of(c, batch);
  const Mesh mesh(world, c.mesh);
  const std::unique_ptr<Model> model = model_of(c, mesh.expert);
  ShardedStates states(*model, mesh, c.split);
  Learner learner(*model, config_of(c), 16, 1, nullptr, {&mesh, &states, nullptr, c.method});
  learner.expect(1);
  const Metrics metrics = learner.update(batch.groups, batch.advantages);
  for (const auto& [name, value] : expected.metrics) {
    EXPECT_NEAR(metrics.at(name), value, 1e-5 * std::max(1e-2, std::abs(value))) << name;
  }
  for (const Piece& piece : states.pieces()) {
    const at::Tensor gradient = expected.gradients.at(piece.name);
    const at::Tensor mine = gradient.narrow(0, piece.offset, piece.gradient.size(0));
    const double largest = gradient.abs().max().item<double>();
    EXPECT_LE((piece.gradient - mine).abs().max().item<double>(), 1e-5 * largest) << piece.name;
  }
  // All ranks have the same weights afterwards, and those of one process but for what AdamW makes of rounding.
  const ShardedStates::Whole whole(&states);
  for (const auto& [name, tensor] : model->parameters()) {
    const at::Tensor far = (tensor.detach().flatten() - expected.weights.at(name)).abs();
    EXPECT_LT(far.mean().item<double>(), 2e-5) << name;
  }
}

void compare_all(int64_t ranks, const std::vector<Case>& cases) {
  on_ranks(ranks, [&](World& world) {
    for (const Case& c : cases) {
      compare(world, c, true);
      compare(world, c, false);
    }
  });
}

TEST(SharedUpdate, OnTwoRanks) {
  std::vector<Case> cases{
      {"replicas", {.replicate = 2}},
      {"zero 1", {.shard = 2}, Split::optimizer},
      {"zero 2", {.shard = 2}, Split::gradients},
      {"zero 3", {.shard = 2}},
      {"zero 3, layers recomputed", {.shard = 2}, Split::weights, false, 100000, "all"},
      {"zero 3, groups part by part", {.shard = 2}, Split::weights, false, 30},
      {"context", {.context = 2}},
      {"context, zero 1", {.context = 2}, Split::optimizer},
      {"context, part by part, recomputed", {.context = 2}, Split::weights, false, 20, "all"},
      {"context by heads", {.context = 2}, Split::weights, false, 100000, "off", nn::ContextMethod::heads},
      {"experts", {.expert = 2}, Split::weights, true},
      {"experts, zero 1", {.expert = 2}, Split::optimizer, true},
      {"experts, part by part, recomputed", {.expert = 2}, Split::weights, true, 30, "all"},
      {"experts in shards", {.shard = 2}, Split::weights, true},
      {"experts and context", {.context = 2}, Split::weights, true, 20, "all"},
      {"sequence ratios", {.context = 2}, Split::weights, false, 25, "off", nn::ContextMethod::gather, "gspo"}};
  compare_all(2, cases);
}

TEST(SharedUpdate, OnFourRanksEachPairOfDimensions) {
  compare_all(
      4, {{"replicas of shards", {.replicate = 2, .shard = 2}},
          {"replicas of shards, zero 2", {.replicate = 2, .shard = 2}, Split::gradients},
          {"replicas of context", {.replicate = 2, .context = 2}, Split::weights, false, 20, "all"},
          {"replicas of experts", {.replicate = 2, .expert = 2}, Split::weights, true},
          {"shards of context", {.shard = 2, .context = 2}, Split::weights, false, 20, "all"},
          {"shards of experts", {.shard = 2, .expert = 2}, Split::weights, true, 30},
          {"experts of context", {.context = 2, .expert = 2}, Split::weights, true, 20, "all"},
          {"four shards", {.shard = 4}},
          {"four context ranks", {.context = 4}, Split::weights, false, 15},
          {"four context ranks by heads", {.context = 4}, Split::weights, false, 15, "all", nn::ContextMethod::heads},
          {"four replicas", {.replicate = 4}}});
}

std::unique_ptr<Model> frozen_model() {
  std::unique_ptr<Model> model = tiny_model(at::kFloat, 8, deep_dense());
  for (const auto& [name, tensor] : model->parameters()) at::Tensor(tensor).requires_grad_(false);
  return model;
}

// The metrics of an update with train.kl against those of one process.
void compare_with_reference(World& world, const Case& c, TrainConfig config, const Batch& batch, double bound) {
  config.kl = {.estimator = "k3", .coefficient = 0.1};
  const std::unique_ptr<Model> alone = model_of(c), model = model_of(c), reference = frozen_model();
  Learner one(*alone, config, 16, 1, reference.get());
  one.expect(1);
  const Metrics expected = one.update(batch.groups, batch.advantages);
  const Mesh mesh(world, c.mesh);
  ShardedStates states(*model, mesh, c.split), reference_states(*reference, mesh, c.split);
  EXPECT_TRUE(reference_states.pieces().empty());  // no gradients, no moments
  Learner many(*model, config, 16, 1, reference.get(), {&mesh, &states, &reference_states});
  many.expect(1);
  const Metrics metrics = many.update(batch.groups, batch.advantages);
  for (const auto& [name, value] : expected) {
    EXPECT_NEAR(metrics.at(name), value, bound * std::max(1e-2, std::abs(value))) << name;
  }
}

// Several updates of one batch: the log-probabilities before the first are those of the ranks' own passes.
TEST(SharedUpdate, OfSeveralPassesAndMiniBatches) {
  on_ranks(2, [](World& world) {
    const Case c{"passes", {.shard = 2}, Split::weights, false, 30};
    TrainConfig config = config_of(c);
    config.updates_per_batch = 2;
    config.mini_batch_prompts = 2;
    compare_with_reference(world, c, config, batch_of(true), 1e-4);
  });
}

// A rank without a group still runs the passes of the others.
TEST(SharedUpdate, WithAReferenceAndFewerGroupsThanRanks) {
  on_ranks(4, [](World& world) {
    const Case c{"few", {.shard = 4}};
    compare_with_reference(world, c, config_of(c), batch_of(false), 1e-5);
  });
}

// A replica that computed something else is noticed when the step ends, by all ranks.
TEST(SharedUpdate, ReplicasThatDifferAreNamed) {
  on_ranks(4, [](World& world) {
    const auto rank = world.rank().rank;
    const Mesh mesh(world, {.replicate = 2, .shard = 2});
    for (const bool experts : {false, true}) {
      for (const auto dtype : {at::kFloat, at::kBFloat16}) {
        const std::unique_ptr<Model> model = experts ? expert_model(dtype) : tiny_model(dtype, 7, deep_dense());
        ShardedStates states(*model, mesh, Split::weights);
        const auto end_step = [&] {
          return exchange_step(mesh, 2, {0.5 * static_cast<double>(rank), 10, 100, states.fingerprint()});
        };
        const Metrics metrics = end_step();
        EXPECT_EQ(metrics.at("ranks/wait_seconds/3"), 1.5);
        EXPECT_EQ(metrics.at("ranks/sent_bytes"), 40);
        if (rank == 3) {  // one bit
          at::Tensor bits = states.pieces().back().weight.view(at::kChar);
          bits[0] = bits[0].item<int8_t>() ^ 1;
        }
        try {
          end_step();
          ADD_FAILURE() << "nobody noticed";
        } catch (const ReplicasDiffer& error) {
          EXPECT_NE(std::string(error.what()).find("after step 2 ranks 1 and 3 have different weights"),
                    std::string::npos)
              << error.what();
        }
      }
    }
  });
}

// The weights that a rank keeps are its share; moments and sums of gradients have their size.
TEST(SharedStates, FallAsOneByRanks) {
  on_ranks(4, [](World& world) {
    const Mesh mesh(world, {.shard = 4});
    const std::unique_ptr<Model> model = tiny_model(at::kFloat, 7, deep_dense());
    double all = 0, mine = 0;
    for (const auto& [name, tensor] : model->parameters()) all += static_cast<double>(tensor.numel());
    const ShardedStates states(*model, mesh, Split::weights);
    for (const Piece& piece : states.pieces()) mine += static_cast<double>(piece.weight.numel());
    EXPECT_NEAR(mine, all / 4, 0.05 * all / 4);
    for (const auto& [name, tensor] : model->parameters()) EXPECT_EQ(tensor.storage().nbytes(), 0u) << name;
  });
}

}  // namespace
}  // namespace golong
