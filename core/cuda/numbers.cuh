// Numbers in memory, and several of them at a time.
#pragma once
#include <cuda_bf16.h>

#include <cstdint>

namespace golong::cuda {

using bfloat16 = __nv_bfloat16;

__device__ inline float widened(float x) { return x; }
__device__ inline float widened(bfloat16 x) { return __bfloat162float(x); }
template <class T>
__device__ T narrowed(float x);
template <>
__device__ inline float narrowed<float>(float x) {
  return x;
}
template <>
__device__ inline bfloat16 narrowed<bfloat16>(float x) {
  return __float2bfloat16(x);
}

// N numbers that are read or written at once.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T at[N];
};

// How many make 16 bytes.
template <class T>
inline constexpr int kPack = 16 / sizeof(T);

// Reductions over a block of `Threads`; all threads get the result. `shared` has a place for each warp.
template <int Threads, class T, class Join>
__device__ T reduced(T value, T* shared, const Join& join) {
  for (int distance = 16; distance > 0; distance /= 2) value = join(value, __shfl_xor_sync(~0u, value, distance));
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  value = shared[0];
  for (int warp = 1; warp < Threads / 32; ++warp) value = join(value, shared[warp]);
  __syncthreads();
  return value;
}

inline int64_t blocks_for(int64_t count, int64_t threads) { return (count + threads - 1) / threads; }

}  // namespace golong::cuda
