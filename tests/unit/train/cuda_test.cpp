// Training on a CUDA device: an update equals the CPU's, and a run with a break the run without one.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/checkpoint/checkpoint.h"
#include "core/model/activations.h"
#include "core/nn/device_kernels.h"
#include "core/train/forward.h"
#include "core/train/grpo.h"
#include "core/train/learner.h"
#include "tests/unit/cuda_device.h"
#include "tests/unit/train/run_fixture.h"
#include "tests/unit/train/tiny_model.h"

namespace golong {
namespace {

class CudaTraining : public CudaTest {};

struct Update {
  Metrics metrics;
  std::map<std::string, at::Tensor> gradients, weights;
};

Update update(Model& model, int64_t micro_batch_tokens, const std::string& loss) {
  TrainConfig config;
  config.learning_rate = 1e-3;
  config.warmup_steps = 0;
  config.loss = loss;
  config.entropy_coefficient = 0.01;
  config.micro_batch_tokens = micro_batch_tokens;
  Learner learner(model, config, 40);
  const std::vector<Group> groups{random_group(90, {5, 1, 0, 70}, 1), random_group(4, {3}, 2),
                                  random_group(1, {2, 60}, 3)};
  Update done{learner.update(groups, {{1.5, -0.5, 2.0, -1.0}, {0.7}, {-0.3, 0.9}}), {}, {}};
  for (const auto& [name, tensor] : model.parameters()) {
    done.gradients[name] = learner.optimizer().gradient(name).to(at::kCPU);
    done.weights[name] = tensor.detach().to(at::kCPU, at::kFloat);
  }
  return done;
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).norm() / (b.norm() + 1e-9)).item<double>();
}

TEST_F(CudaTraining, AnUpdateEqualsTheCpus) {
  for (const ModelShape& shape : {tiny_shape(), tiny_experts()}) {
    for (const int64_t budget : {10000, 40}) {  // groups together; split over their responses
      for (const char* loss : {"ppo", "gspo"}) {
        SCOPED_TRACE(testing::Message() << shape.architecture << ", " << budget << ", " << loss);
        const Update expected = update(*tiny_model(at::kFloat, 7, shape), budget, loss);
        const Update got = update(*tiny_model(at::kFloat, 7, shape, device), budget, loss);
        EXPECT_NEAR(got.metrics.at("train/loss"), expected.metrics.at("train/loss"), 1e-5);
        for (const auto& [name, gradient] : expected.gradients) {
          EXPECT_LT(difference(got.gradients.at(name), gradient), 2e-5) << name;
          EXPECT_LT(difference(got.weights.at(name), expected.weights.at(name)), 1e-4) << name;
        }
      }
    }
  }
}

TEST_F(CudaTraining, GradientsInBfloat16AreNearThoseOfFloat32) {
  const Update expected = update(*tiny_model(), 10000, "ppo");
  for (const int64_t budget : {10000, 40}) {
    const Update got = update(*tiny_model(at::kBFloat16, 7, tiny_shape(), device), budget, "ppo");
    for (const auto& [name, gradient] : expected.gradients) {
      EXPECT_LT(difference(got.gradients.at(name), gradient), 0.2) << name << ", " << budget;
    }
  }
}

// Pieces of a parameter go to the host and come back; the device's kernel and the CPU's round otherwise.
TEST_F(CudaTraining, AnOptimizerOnTheCpuMakesTheSameSteps) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    std::map<bool, std::unique_ptr<Model>> model;
    std::map<bool, std::unique_ptr<AdamW>> optimizer;
    for (const bool on_cpu : {false, true}) {
      model[on_cpu] = tiny_model(dtype, 7, tiny_experts(), device);
      const AdamWOptions options{.beta2 = 0.99, .on_cpu = on_cpu};
      optimizer[on_cpu] = std::make_unique<AdamW>(model[on_cpu]->parameters(), options);
    }
    at::manual_seed(3);
    for (int step = 0; step < 4; ++step) {
      for (const bool on_cpu : {false, true}) optimizer[on_cpu]->zero_grad();
      for (size_t i = 0; i < model[true]->parameters().size(); ++i) {
        const at::Tensor gradient = at::randn(model[true]->parameters()[i].second.sizes()).to(device, dtype);
        for (const bool on_cpu : {false, true}) {
          at::Tensor(model[on_cpu]->parameters()[i].second).mutable_grad() = gradient.clone();
        }
      }
      for (const bool on_cpu : {false, true}) optimizer[on_cpu]->step(1e-2, 0.5);
    }
    std::map<std::string, at::Tensor> saved;
    for (const auto& [name, tensor] : optimizer[false]->state()) saved[name] = tensor;
    for (const auto& [name, tensor] : optimizer[true]->state()) {
      EXPECT_TRUE(tensor.is_cpu()) << name;
      EXPECT_LT(difference(tensor, saved.at(name).to(at::kCPU)), 1e-5) << name;
    }
    for (size_t i = 0; i < model[true]->parameters().size(); ++i) {
      const auto& [name, weight] = model[true]->parameters()[i];
      const at::Tensor other = model[false]->parameters()[i].second;
      EXPECT_LT(difference(weight.detach().to(at::kFloat), other.detach().to(at::kFloat)),
                dtype == at::kFloat ? 1e-5 : 1e-3)
          << name;
    }
    optimizer[true]->load(Pieces({saved.begin(), saved.end()}),
                          optimizer[false]->steps());  // a checkpoint of one opens in the other
    for (const auto& [name, tensor] : optimizer[true]->state()) {
      EXPECT_TRUE(at::equal(tensor, saved.at(name).to(at::kCPU))) << name;
    }
  }
}

// The most that a forward pass had, with gradients on.
int64_t peak_of_forward(const ModelShape& shape, at::ScalarType dtype, at::Device device, const Group& group) {
  const std::unique_ptr<Model> model = tiny_model(dtype, 7, shape, device);
  const Packed packed = pack({&group}, device);
  GroupAttention attention(packed.layouts);
  model->hidden(packed.token_ids, packed.positions, attention);  // what kernels keep for themselves is there then
  nn::synchronize(device);
  const nn::PeakMemory memory(device);
  model->hidden(packed.token_ids, packed.positions, attention);
  return memory.above();
}

// Two passes that differ in one layer differ by what it keeps; the allocator rounds up to 512 bytes.
TEST_F(CudaTraining, ALayerKeepsWhatTheFormulaSays) {
  ModelShape dense = tiny_shape();
  dense.hidden = 256, dense.heads = 8, dense.kv_heads = 4, dense.head_dim = 32, dense.intermediate = 704;
  ModelShape experts = dense;
  experts.architecture = "Qwen3MoeForCausalLM";
  experts.experts = {.count = 8, .per_token = 2, .intermediate = 128, .normalize = true, .every = 1};
  const Group group = random_group(1500, {300, 250}, 5);
  for (ModelShape shape : {dense, experts}) {
    shape.max_positions = 4096;
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      shape.layers = 3;
      const int64_t three = peak_of_forward(shape, dtype, device, group);
      shape.layers = 4;
      const int64_t four = peak_of_forward(shape, dtype, device, group);
      const bool own = nn::device_kernels(at::empty({1}, at::TensorOptions(device))) != nullptr;
      const auto kernels = LayerKernels::cuda(static_cast<int64_t>(c10::elementSize(dtype)), own);
      const auto expected = static_cast<double>(kept_bytes(shape, 3, 2050, kernels));
      EXPECT_NEAR(static_cast<double>(four - three), expected, 0.02 * expected) << shape.architecture << ", " << dtype;
    }
  }
}

class CudaRun : public WithCuda<RunTest> {};

TEST_F(CudaRun, WithBreaksEqualsTheRunWithout) {
  config.model.device = "cuda";
  config.model.deterministic = true;
  config.rollout.kv_cache_bytes = 64 << 20;
  const auto newest = [&] {
    return *CheckpointStore(std::filesystem::path(config.run.directory) / "checkpoints").load_newest();
  };
  config.run.directory = (folder / "whole").string();
  EXPECT_EQ(run_grpo(config, registry(), {}), 6);
  const Snapshot whole = newest();
  config.run.directory = (folder / "broken").string();
  TrainOptions first, second;
  first.on_step = [](const StepReport& report) { return report.step < 3; };
  second.resume = true;
  EXPECT_EQ(run_grpo(config, registry(), first), 3);
  EXPECT_EQ(run_grpo(config, registry(), second), 6);
  const Snapshot broken = newest();
  for (size_t i = 0; i < whole.weights.size(); ++i) {
    EXPECT_TRUE(at::equal(whole.weights[i].second, broken.weights[i].second)) << whole.weights[i].first;
  }
  nn::set_deterministic(false);
}

TEST_F(CudaRun, GoesOnWithItsOptimizerOnTheCpuAndBack) {
  config.model.device = "cuda";
  config.rollout.kv_cache_bytes = 64 << 20;
  for (const int64_t steps : {2, 4, 6}) {
    config.train.optimizer_device = steps == 4 ? "cpu" : "model";
    TrainOptions options;
    options.resume = steps > 2;
    options.on_step = [=](const StepReport& report) { return report.step < steps; };
    EXPECT_EQ(run_grpo(config, registry(), options), steps);
  }
}

}  // namespace
}  // namespace golong
