// Choosing tokens where the logits are: Gumbel-max with the noise of rollout/sampling.h. A block has a row.
#include "core/base/random.h"
#include "core/cuda/launch.h"
#include "core/cuda/numbers.cuh"

namespace golong::cuda {
namespace {

constexpr int kThreads = 1024;

// A token and its score; of equal scores the lower id is the better one.
struct Best {
  double score;
  int64_t token;
};

__device__ Best better(const Best& a, const Best& b) {
  return b.score > a.score || (b.score == a.score && b.token < a.token) ? b : a;
}

// An upper bound of the noise of some bits, a few hundredths above it, without a logarithm (rollout/sampling.cpp has it,
// too). With v = 1 - u the noise -log(-log u) is at most -log v; and log2 of a float is at least what its bits say when
// they are read as a number, exponent and mantissa.
__device__ float noise_bound(uint64_t bits) {
  const auto v = static_cast<float>(static_cast<int32_t>(~bits >> 40));  // 2^24 v, rounded down
  return (24.f + 127.f - static_cast<float>(__float_as_int(v)) * 0x1.0p-23f) * 0.693147182f;
}

__device__ Best best_of_block(Best best, Best* shared) {
  for (int distance = 16; distance > 0; distance /= 2) {
    best = better(best, {__shfl_xor_sync(~0u, best.score, distance), __shfl_xor_sync(~0u, best.token, distance)});
  }
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = best;
  __syncthreads();
  best = shared[0];
  for (int warp = 1; warp < kThreads / 32; ++warp) best = better(best, shared[warp]);
  return best;
}

__global__ void draw_kernel(Draw work) {
  __shared__ float floats[kThreads / 32];
  __shared__ double doubles[kThreads / 32];
  __shared__ Best bests[kThreads / 32];
  const int64_t pick = blockIdx.x;
  const float* row = work.logits + work.rows[pick] * work.vocabulary;
  const auto key = static_cast<uint64_t>(work.keys[pick]);
  const bool greedy = work.temperature == 0;
  const float scale = greedy ? 1.f : static_cast<float>(1 / work.temperature);
  Best best{-INFINITY, work.vocabulary};
  float highest = -INFINITY;
  for (int64_t i = threadIdx.x; i < work.vocabulary; i += kThreads) {
    const float logit = row[i];
    highest = fmaxf(highest, logit);
    if (greedy) {
      best = better(best, {logit, i});
      continue;
    }
    // Exact are the few whose bound reaches the thread's best; the slack covers the rounding of bound and scaled logit.
    const uint64_t bits = random_bits(key, static_cast<uint64_t>(i));
    const float scaled = logit * scale;
    if (scaled + noise_bound(bits) + 1e-3f + 1e-6f * (fabsf(scaled) + 100) < static_cast<float>(best.score)) continue;
    best = better(best, {logit / work.temperature - log(-log(uniform(bits))), i});
  }
  best = best_of_block(best, bests);
  highest = reduced<kThreads>(highest, floats, [](float a, float b) { return fmaxf(a, b); });
  float sum = 0, tempered = 0;  // NaN where a logit is, and where the highest is infinite
  for (int64_t i = threadIdx.x; i < work.vocabulary; i += kThreads) {
    const float x = row[i] - highest;
    sum += expf(x);
    tempered += expf(x * scale);
  }
  const auto add = [](double a, double b) { return a + b; };
  const double all = reduced<kThreads>(static_cast<double>(sum), doubles, add);
  const double all_tempered = reduced<kThreads>(static_cast<double>(tempered), doubles, add);
  if (threadIdx.x != 0) return;
  const bool finite = isfinite(all);
  const int64_t token = finite ? best.token : 0;
  const double above = static_cast<double>(row[token]) - highest;
  work.token[pick] = token;
  work.logprob[pick] = finite ? static_cast<float>(above - log(all)) : NAN;
  work.sampled[pick] = !finite ? NAN : greedy ? 0.f : static_cast<float>(above / work.temperature - log(all_tempered));
}

}  // namespace

void draw(const Draw& work, cudaStream_t stream) {
  if (work.picks == 0) return;
  draw_kernel<<<work.picks, kThreads, 0, stream>>>(work);
}

}  // namespace golong::cuda
