// Layers that run again in the backward pass: the same gradients bit for bit, less memory, and what is kept is what the
// formula says.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <array>

#include "core/model/activations.h"
#include "core/train/forward.h"
#include "core/train/learner.h"
#include "tests/unit/live_bytes.h"
#include "tests/unit/train/tiny_model.h"

namespace golong {
namespace {

struct Batch {
  std::vector<Group> groups;
  std::vector<std::vector<double>> advantages;
};

Batch random_batch(RandomSequence& random) {
  Batch batch;
  for (uint64_t g = 0; g < 1 + random.below(3); ++g) {
    std::vector<size_t> lengths;
    std::vector<double>& advantages = batch.advantages.emplace_back();
    for (uint64_t r = 0; r < 1 + random.below(5); ++r) {
      lengths.push_back(r == 0 ? 1 + random.below(24) : random.below(24));
      advantages.push_back(2 * random.uniform() - 1);
    }
    batch.groups.push_back(random_group(1 + random.below(60), lengths, random.bits()));
  }
  return batch;
}

LayerKernels kernels_of(at::ScalarType dtype) {
  return LayerKernels::cpu(static_cast<int64_t>(c10::elementSize(dtype)));
}

ModelShape deep(ModelShape shape) {
  shape.layers = 5;
  return shape;
}

// The gradients of one update.
std::map<std::string, at::Tensor> gradients(const TrainConfig& config, const ModelShape& shape, at::ScalarType dtype,
                                            const Batch& batch) {
  const std::unique_ptr<Model> model = tiny_model(dtype, 7, shape);
  Learner learner(*model, config, 40);
  learner.update(batch.groups, batch.advantages);
  std::map<std::string, at::Tensor> all;
  for (const auto& [name, tensor] : model->parameters()) {
    const at::Tensor& gradient = learner.optimizer().gradient(name);
    all[name] = gradient.defined() ? gradient.clone() : at::zeros_like(tensor);
  }
  return all;
}

TEST(Recompute, GradientsAreTheSameBitForBit) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    RandomSequence random(random_key({seed, 97}));
    ModelShape shape = deep(seed % 2 == 0 ? tiny_experts() : tiny_shape());
    shape.kv_heads = int64_t{1} << random.below(3);
    shape.tied = random.below(2) == 0;
    const at::ScalarType dtype = seed % 5 == 4 ? at::kBFloat16 : at::kFloat;
    const Batch batch = random_batch(random);
    TrainConfig config;
    config.micro_batch_tokens = std::array{1, 20, 70, 100000}[random.below(4)];  // groups that are split, too
    config.share_prefix = random.below(4) > 0;
    const auto expected = gradients(config, shape, dtype, batch);
    for (int64_t layers : {1, 3, 5}) {
      // The longest micro-batch has its first `layers` recomputed; shorter ones fewer.
      const std::string mode = layers == 5 ? "all" : "auto";
      config.recompute = mode;
      config.activation_bytes = activation_bytes(shape, layers, 100, kernels_of(dtype));
      for (const auto& [name, gradient] : gradients(config, shape, dtype, batch)) {
        ASSERT_TRUE(at::equal(gradient, expected.at(name)))
            << name << ", seed " << seed << ", " << mode << " " << layers << ", micro-batches of "
            << config.micro_batch_tokens << ", shared " << config.share_prefix;
      }
    }
  }
}

// Bytes that a forward pass has left for the backward pass, and the most that there was until that is done.
struct Memory {
  int64_t kept, peak;
};

Memory memory_of(const ModelShape& shape, at::ScalarType dtype, const Packed& packed, int64_t recomputed) {
  const std::unique_ptr<Model> model = tiny_model(dtype, 7, shape);
  for (const auto& [name, tensor] : model->parameters()) at::Tensor(tensor).mutable_grad() = at::zeros_like(tensor);
  LiveBytes bytes;
  GroupAttention attention(packed.layouts);
  at::Tensor hidden = model->hidden(packed.token_ids, packed.positions, attention, recomputed);
  Memory memory{bytes.now(), 0};
  bytes.restart_peak();
  hidden.sum().backward();
  memory.peak = bytes.peak();
  return memory;
}

// Two forward passes that differ in one layer differ by what it keeps. In both the first layer is recomputed, for which
// the rotary angles are kept.
void expect_kept_bytes(ModelShape shape, at::ScalarType dtype) {
  const auto number = static_cast<int64_t>(c10::elementSize(dtype));
  const Group group = random_group(70, {20, 30, 1}, 5);
  const Packed packed = pack({&group}, at::kCPU);
  const int64_t tokens = packed.token_ids.size(0);
  shape.layers = 2;
  const int64_t two = memory_of(shape, dtype, packed, 1).kept;
  shape.layers = 3;
  const char* name = dtype == at::kFloat ? "float32" : "bfloat16";
  EXPECT_EQ(memory_of(shape, dtype, packed, 1).kept - two, kept_bytes(shape, 1, tokens, kernels_of(dtype))) << name;
  EXPECT_EQ(memory_of(shape, dtype, packed, 2).kept - two, shape.hidden * tokens * number) << name;
}

TEST(Recompute, ALayerKeepsWhatTheFormulaSays) {
  ModelShape plain = tiny_shape();
  plain.architecture = "LlamaForCausalLM";
  plain.qk_norm = false;
  ModelShape wide = tiny_shape();
  wide.hidden = 96, wide.heads = 8, wide.kv_heads = 1, wide.head_dim = 16, wide.intermediate = 200;
  ModelShape experts = tiny_experts();
  experts.experts.every = 1;
  experts.experts.per_token = 3;
  ModelShape unnormalized = experts;
  unnormalized.experts.normalize = false;
  for (const ModelShape& shape : {tiny_shape(), plain, wide, experts, unnormalized}) {
    expect_kept_bytes(shape, at::kFloat);
    expect_kept_bytes(shape, at::kBFloat16);
  }
}

TEST(Recompute, TakesLessMemoryTheMoreLayers) {
  const ModelShape shape = deep(tiny_shape());
  const Group group = random_group(300, {20, 30, 1}, 5);
  const Packed packed = pack({&group}, at::kCPU);
  int64_t before = INT64_MAX;
  for (int64_t layers = 0; layers < shape.layers; ++layers) {
    const int64_t peak = memory_of(shape, at::kFloat, packed, layers).peak;
    EXPECT_LT(peak, before) << layers;
    before = peak;
  }
}

TEST(Recompute, DoesNothingWithoutGradients) {
  const std::unique_ptr<Model> model = tiny_model();
  const Group group = random_group(30, {20, 4}, 5);
  const Packed packed = pack({&group}, at::kCPU);
  const c10::NoGradGuard no_grad;
  EXPECT_TRUE(
      at::equal(response_logprobs(*model, packed, 1, 2).logprobs, response_logprobs(*model, packed, 1).logprobs));
}

constexpr LayerKernels kCpu{4, true, true};

TEST(RecomputedLayers, AreAsFewAsTheBudgetNeeds) {
  for (const ModelShape& shape : {deep(tiny_shape()), deep(tiny_experts())}) {
    int64_t before = shape.layers;
    for (int64_t budget = 0; budget < 2 * activation_bytes(shape, 0, 1000, kCpu); budget += 10000) {
      const int64_t layers = recomputed_layers(shape, 1000, kCpu, "auto", budget);
      EXPECT_LE(layers, before);
      if (layers < shape.layers) {
        EXPECT_LE(activation_bytes(shape, layers, 1000, kCpu), budget);
      }
      if (layers > 0) {
        EXPECT_GT(activation_bytes(shape, layers - 1, 1000, kCpu), budget);
      }
      before = layers;
    }
    EXPECT_EQ(before, 0);
    EXPECT_EQ(recomputed_layers(shape, 1000, kCpu, "off", 1), 0);
    EXPECT_EQ(recomputed_layers(shape, 1000, kCpu, "all", 1), shape.layers);
  }
}

}  // namespace
}  // namespace golong
