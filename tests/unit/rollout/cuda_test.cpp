// Generation on a CUDA device against the CPU's, and against the trainer's own log-probabilities.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/nn/device_kernels.h"
#include "core/rollout/choose_tokens.h"
#include "core/rollout/engine.h"
#include "tests/unit/cuda_device.h"
#include "tests/unit/train/tiny_model.h"

namespace golong {
namespace {

std::vector<Prompt> prompts(const std::vector<size_t>& lengths) {
  std::vector<Prompt> all;
  for (size_t i = 0; i < lengths.size(); ++i) {
    Prompt& prompt = all.emplace_back(random_group(lengths[i], {}, i).prompt);
    prompt.key = i;
    prompt.uid = "row " + std::to_string(i);
  }
  return all;
}

ModelShape wider(ModelShape shape) {
  shape.head_dim = 32;
  shape.max_positions = 4096;
  return shape;
}

class CudaRollout : public CudaTest {
 protected:
  std::vector<Group> generate(const Model& model, EngineOptions options, const std::vector<size_t>& lengths,
                              RolloutStats* stats = nullptr) {
    Sampling sampling;
    sampling.n = 4;
    sampling.max_response_tokens = 150;  // over three pages
    RolloutEngine engine(model, options);
    std::vector<Group> groups = engine.generate(prompts(lengths), sampling, 11, Stream::train, 5);
    if (stats) *stats = engine.stats();
    return groups;
  }
};

const std::vector<size_t> kLengths{3, 90, 700, 64, 1};

void expect_same(const std::vector<Group>& a, const std::vector<Group>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t g = 0; g < a.size(); ++g) {
    for (size_t r = 0; r < a[g].responses.size(); ++r) {
      ASSERT_EQ(a[g].responses[r].token_ids, b[g].responses[r].token_ids) << "group " << g << ", response " << r;
      for (size_t i = 0; i < a[g].responses[r].logprobs.size(); ++i) {
        ASSERT_NEAR(a[g].responses[r].logprobs[i], b[g].responses[r].logprobs[i], tolerance);
      }
    }
  }
}

TEST_F(CudaRollout, TokensAreThoseOfTheCpu) {
  for (const ModelShape& shape : {wider(tiny_shape()), wider(tiny_experts())}) {
    const auto expected = generate(*tiny_model(at::kFloat, 7, shape), {}, kLengths);
    const auto model = tiny_model(at::kFloat, 7, shape, device);
    expect_same(generate(*model, {.kv_cache_bytes = 64 << 20}, kLengths), expected, 1e-4);
    // Prompts in pieces, and so little memory that responses give way and are computed again.
    RolloutStats stats;
    RolloutEngine engine(*model, {.kv_cache_bytes = 64 << 20});
    const auto narrow = generate(
        *model, {.prefill_chunk_tokens = 50, .kv_cache_bytes = engine.page_bytes() * 16}, kLengths, &stats);
    expect_same(narrow, expected, 1e-4);
    EXPECT_GT(stats.sent_back, 0);
  }
}

TEST_F(CudaRollout, LogprobsInBfloat16AreNearThoseOfFloat32) {
  const ModelShape shape = wider(tiny_shape());
  const auto model = tiny_model(at::kBFloat16, 7, shape, device);
  const std::vector<Group> groups = generate(*model, {.kv_cache_bytes = 64 << 20}, kLengths);
  // The same weights, rounded, in float32 on the CPU.
  const auto exact = tiny_model(at::kFloat, 7, shape);
  for (const auto& [name, tensor] : exact->parameters()) {
    tensor.detach().copy_(tensor.detach().to(at::kBFloat16).to(at::kFloat));
  }
  const c10::NoGradGuard no_grad;
  double sum = 0, count = 0;
  for (const Group& group : groups) {
    for (const Response& response : group.responses) {
      const at::Tensor difference = at::tensor(response.logprobs) - plain_logprobs(*exact, group, response);
      sum += difference.abs().sum().item<double>();
      count += static_cast<double>(response.logprobs.size());
    }
  }
  EXPECT_LT(sum / count, 0.05);
}

TEST_F(CudaRollout, DrawnTokensAreThoseOfTheCpu) {
  for (const int64_t vocabulary : {50, 4099, 151936}) {
    const at::Tensor logits = at::randn({8, vocabulary}) * 3;
    logits[3].fill_(NAN);
    std::vector<TokenRequest> requests;
    for (int64_t i = 0; i < 40; ++i) requests.push_back({i % 8, {}, random_key({static_cast<uint64_t>(i)})});
    for (const SamplingRule& rule : {SamplingRule{}, SamplingRule{.temperature = 0.6}, SamplingRule{.temperature = 0},
                                     SamplingRule{.temperature = 0.6, .top_k = 20}}) {
      const auto expected = choose_tokens(logits, rule, requests),
                 got = choose_tokens(logits.to(device), rule, requests);
      for (size_t i = 0; i < requests.size(); ++i) {
        if (requests[i].row == 3) {
          EXPECT_TRUE(std::isnan(got[i].logprob));
          continue;
        }
        EXPECT_EQ(got[i].token, expected[i].token) << i;
        EXPECT_NEAR(got[i].logprob, expected[i].logprob, 1e-5);
        EXPECT_NEAR(got[i].sampled_logprob, expected[i].sampled_logprob, 1e-5);
      }
    }
  }
}

TEST_F(CudaRollout, WhatCannotBeDoneThereIsSaid) {
  const auto model = tiny_model(at::kFloat, 7, tiny_shape(), device);
  EXPECT_THROW(RolloutEngine(*model, {.batch_invariant = true}), Error);
  const auto too_large = EngineOptions{.kv_cache_bytes = nn::memory_of(device) * 2};
  EXPECT_THROW(generate(*model, too_large, {3}), Error);
}

}  // namespace
}  // namespace golong
