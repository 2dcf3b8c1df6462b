// Training on a CUDA device: an update equals the CPU's, and a run with a break the run without one.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/checkpoint/checkpoint.h"
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

}  // namespace
}  // namespace golong
