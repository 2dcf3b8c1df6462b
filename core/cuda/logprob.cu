// Tiles of [tokens, vocabulary]: what they say of log-probabilities and entropies, and their gradient. A block has a row.
#include "core/cuda/launch.h"
#include "core/cuda/numbers.cuh"

namespace golong::cuda {
namespace {

constexpr int kThreads = 256;

__global__ void logprob_kernel(LogprobTile tile, float scale, double* normalizer, double* mean, double* chosen) {
  __shared__ float floats[kThreads / 32];
  __shared__ double doubles[kThreads / 32];
  const int64_t token = blockIdx.x;
  const float* row = tile.logits + token * tile.width;
  float highest = -INFINITY;
  for (int64_t i = threadIdx.x; i < tile.width; i += kThreads) highest = fmaxf(highest, row[i]);
  highest = reduced<kThreads>(highest, floats, [](float a, float b) { return fmaxf(a, b); });
  float sum = 0, weighted = 0;  // of e^x and x e^x; a thread has a few hundred of them
  for (int64_t i = threadIdx.x; i < tile.width; i += kThreads) {
    const float x = fmaxf((row[i] - highest) * scale, -100.f);  // e^x is 0 there, and 0 times infinity is not
    const float e = expf(x);
    sum += e;
    weighted += e * x;
  }
  const auto add = [](double a, double b) { return a + b; };
  const double all = reduced<kThreads>(static_cast<double>(sum), doubles, add);
  const double all_weighted = reduced<kThreads>(static_cast<double>(weighted), doubles, add);
  if (threadIdx.x != 0) return;
  const double top = static_cast<double>(highest) * scale, part = log(all) + top, part_mean = all_weighted / all + top;
  const double most = fmax(normalizer[token], part), before = exp(normalizer[token] - most), now = exp(part - most);
  mean[token] = (mean[token] * before + part_mean * now) / (before + now);
  normalizer[token] = most + log(before + now);
  const int64_t own = tile.targets[token] - tile.start;
  if (own >= 0 && own < tile.width) chosen[token] = row[own] / tile.temperature;
}

template <class T>
__global__ void backward_kernel(LogprobTile tile, float scale, const double* normalizer, const double* mean,
                                const float* grad, const float* grad_entropy, T* grad_logits) {
  const int64_t token = blockIdx.x, own = tile.targets[token] - tile.start;
  const float* row = tile.logits + token * tile.width;
  const auto base = static_cast<float>(normalizer[token]), entropy = static_cast<float>(normalizer[token] - mean[token]);
  const float g = grad[token], e = grad_entropy[token];
  for (int64_t i = threadIdx.x; i < tile.width; i += kThreads) {
    const float x = row[i] * scale - base, p = expf(x);
    float d = p * (-g - e * (fmaxf(x, -100.f) + entropy));
    if (i == own) d += g;
    grad_logits[token * tile.width + i] = narrowed<T>(d * scale);
  }
}

}  // namespace

void logprob_tile(const LogprobTile& tile, double* normalizer, double* mean, double* chosen, cudaStream_t stream) {
  if (tile.tokens == 0) return;
  logprob_kernel<<<tile.tokens, kThreads, 0, stream>>>(tile, static_cast<float>(1 / tile.temperature), normalizer, mean,
                                                       chosen);
}

void logprob_tile_backward(const LogprobTile& tile, const double* normalizer, const double* mean, const float* grad,
                           const float* grad_entropy, Number type, void* grad_logits, cudaStream_t stream) {
  if (tile.tokens == 0) return;
  const auto scale = static_cast<float>(1 / tile.temperature);
  if (type == Number::float32) {
    backward_kernel<<<tile.tokens, kThreads, 0, stream>>>(tile, scale, normalizer, mean, grad, grad_entropy,
                                                          static_cast<float*>(grad_logits));
  } else {
    backward_kernel<<<tile.tokens, kThreads, 0, stream>>>(tile, scale, normalizer, mean, grad, grad_entropy,
                                                          static_cast<bfloat16*>(grad_logits));
  }
}

}  // namespace golong::cuda
