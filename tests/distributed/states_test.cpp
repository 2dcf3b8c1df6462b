// Weights and moments that four ranks saved go to two, and from these to one, without the loss of a bit.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/model/safetensors.h"
#include "core/train/learner.h"
#include "core/train/run_state.h"
#include "tests/distributed/expert_ranks.h"
#include "tests/unit/ranks.h"

namespace golong {
namespace {

using parallel::Mesh;
using parallel::MeshShape;
using parallel::on_ranks;
using parallel::World;

struct Way {
  bool experts;
  MeshShape four, two;
};

ModelShape dense_shape() {
  ModelShape shape = tiny_shape();
  shape.layers = 4;
  return shape;
}

// Each number of ranks begins with other weights than those that it is to get.
std::unique_ptr<Model> model_of(bool experts, const parallel::Group& group, uint64_t seed) {
  const auto dtype = at::kBFloat16;  // so that there are master weights, too
  return experts ? make_model(deep_experts(), dtype, at::kCPU, seed, group) : tiny_model(dtype, seed, dense_shape());
}

using Folder = std::filesystem::path;

Folder file_of(const Folder& folder, const std::string& what, int64_t rank) {
  return folder / (what + "-" + std::to_string(rank) + ".safetensors");
}

void save(const StoredStates& states, const Folder& file) {
  NamedTensors all = states.weights;
  all.insert(all.end(), states.optimizer.begin(), states.optimizer.end());
  write_safetensors(file, all);
}

Pieces saved_by(const Folder& folder, const std::string& name, int64_t ranks) {
  NamedTensors all;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    const SafetensorsFile file(file_of(folder, name, rank));
    all.insert(all.end(), file.tensors().begin(), file.tensors().end());
  }
  return Pieces(all);
}

TrainConfig config() {
  TrainConfig config;
  config.learning_rate = 1e-3;
  config.warmup_steps = 0;
  return config;
}

void pass_over(const Way& c, const Folder& folder) {
  on_ranks(4, [&](World& world) {
    const Mesh mesh(world, c.four);
    const std::unique_ptr<Model> model = model_of(c.experts, mesh.expert, 1);
    ShardedStates states(*model, mesh, parallel::Split::weights);
    Learner learner(*model, config(), 16, 1, nullptr, {&mesh, &states});
    learner.expect(1);
    learner.update({random_group(40, {9, 3, 14}, 1), random_group(17, {2, 8}, 3)}, {{1, -1, 0.5}, {0.25, -2}});
    save(states_to_store(*model, learner.optimizer(), &states), file_of(folder, "four", world.rank().rank));
  });
  on_ranks(2, [&](World& world) {
    const Mesh mesh(world, c.two);
    const std::unique_ptr<Model> model = model_of(c.experts, mesh.expert, 2);
    ShardedStates states(*model, mesh, parallel::Split::weights);
    Learner learner(*model, config(), 16, 1, nullptr, {&mesh, &states});
    const Pieces stored = saved_by(folder, "four", 4);
    restore_weights(*model, &states, stored);
    learner.optimizer().load(stored, 1);
    save(states_to_store(*model, learner.optimizer(), &states), file_of(folder, "two", world.rank().rank));
  });
  on_ranks(1, [&](World&) {
    const std::unique_ptr<Model> model = model_of(c.experts, {}, 3);
    Learner learner(*model, config(), 16);
    const Pieces stored = saved_by(folder, "two", 2), expected = saved_by(folder, "four", 4);
    restore_weights(*model, nullptr, stored);
    learner.optimizer().load(stored, 1);
    size_t compared = 0;
    const auto compare = [&](const std::string& name, const at::Tensor& tensor) {
      EXPECT_TRUE(tensor.equal(expected.whole(name))) << name;
      ++compared;
    };
    for (const auto& [name, tensor] : model->parameters()) compare(name, tensor.detach());
    for (const auto& [name, tensor] : learner.optimizer().state()) {
      compare(name, tensor);
      EXPECT_TRUE(is_of_expert(name) || tensor.abs().max().item<double>() > 0) << name;  // there was an update
    }
    EXPECT_EQ(compared, expected.names().size());
    EXPECT_EQ(compared, 4 * model->parameters().size());
  });
}

TEST(States, OfFourRanksGoToTwoAndToOne) {
  Folder folder = testing::TempDir() + "states-" + std::to_string(::getpid());
  std::filesystem::create_directories(folder);
  for (const Way& way :
       {Way{false, {.shard = 2, .context = 2}, {.shard = 2}}, Way{false, {.shard = 4}, {.replicate = 2}},
        Way{true, {.shard = 2, .expert = 2}, {.expert = 2}}}) {
    pass_over(way, folder);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace golong
