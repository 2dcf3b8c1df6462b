#include "core/rollout/choose_tokens.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/nn/device_kernels.h"

namespace golong {
namespace {

std::vector<TokenChoice> choose_on_device(const nn::DeviceKernels& kernels, const at::Tensor& logits,
                                          const SamplingRule& rule, const std::vector<TokenRequest>& requests) {
  std::vector<int64_t> places;  // rows, then keys: one copy to the device
  places.reserve(2 * requests.size());
  for (const TokenRequest& request : requests) places.push_back(request.row);
  for (const TokenRequest& request : requests) places.push_back(static_cast<int64_t>(request.noise_key));
  const auto count = static_cast<int64_t>(requests.size());
  const at::Tensor there = at::tensor(places, at::kLong).to(logits.device());
  const nn::DrawnTokens drawn =
      kernels.draw(logits, there.narrow(0, 0, count), there.narrow(0, count, count), rule.temperature);
  const at::Tensor tokens = drawn.token.to(at::kCPU), logprobs = at::stack({drawn.logprob, drawn.sampled}).to(at::kCPU);
  const auto* token = tokens.const_data_ptr<int64_t>();
  const auto* logprob = logprobs.const_data_ptr<float>();
  std::vector<TokenChoice> choices;
  choices.reserve(requests.size());
  for (int64_t i = 0; i < count; ++i) {
    choices.push_back({static_cast<int32_t>(token[i]), logprob[i], logprob[count + i]});
  }
  return choices;
}

}  // namespace

std::vector<TokenChoice> choose_tokens(const at::Tensor& logits, const SamplingRule& rule,
                                       const std::vector<TokenRequest>& requests) {
  const nn::DeviceKernels* kernels = nn::device_kernels(logits);
  if (kernels && rule.keeps_all() && rule.repetition_penalty == 1) {
    return choose_on_device(*kernels, logits, rule, requests);
  }
  const at::Tensor here = logits.to(at::kCPU);
  const auto vocabulary = static_cast<size_t>(here.size(1));
  const float* data = here.const_data_ptr<float>();
  std::vector<TokenChoice> choices(requests.size());
  at::parallel_for(0, static_cast<int64_t>(requests.size()), 1, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      choices[i] = choose_token({data + static_cast<size_t>(requests[i].row) * vocabulary, vocabulary}, rule,
                                requests[i].seen, requests[i].noise_key);
    }
  });
  return choices;
}

}  // namespace golong
