// The elementwise parts of a layer, each in one pass over memory.
#include "core/cuda/launch.h"
#include "core/cuda/numbers.cuh"

namespace golong::cuda {
namespace {

constexpr int kThreads = 256;

// A thread turns N pairs of one head.
template <class T, int N>
__global__ void rotate_kernel(const T* x, const float* cos, const float* sin, int64_t packs, int64_t heads, int64_t width,
                              float direction, T* y) {
  const int64_t index = blockIdx.x * int64_t{kThreads} + threadIdx.x, half = width / 2;
  if (index >= packs) return;
  const int64_t row = index / (half / N), place = index % (half / N) * N, token = row / heads;
  const Pack<T, N> first = *reinterpret_cast<const Pack<T, N>*>(x + row * width + place),
                   second = *reinterpret_cast<const Pack<T, N>*>(x + row * width + half + place);
  Pack<T, N> left, right;
  for (int i = 0; i < N; ++i) {
    const float a = widened(first.at[i]), b = widened(second.at[i]);
    const float c = cos[token * width + place + i], s = sin[token * width + place + i] * direction;
    left.at[i] = narrowed<T>(a * c - b * s);
    right.at[i] = narrowed<T>(b * c + a * s);
  }
  *reinterpret_cast<Pack<T, N>*>(y + row * width + place) = left;
  *reinterpret_cast<Pack<T, N>*>(y + row * width + half + place) = right;
}

template <class T>
void rotate_all(const void* x, const float* cos, const float* sin, int64_t tokens, int64_t heads, int64_t width,
                float direction, void* y, cudaStream_t stream) {
  const auto run = [&](auto kernel, int64_t pack) {
    const int64_t packs = tokens * heads * (width / 2 / pack);
    kernel<<<blocks_for(packs, kThreads), kThreads, 0, stream>>>(static_cast<const T*>(x), cos, sin, packs, heads, width,
                                                                 direction, static_cast<T*>(y));
  };
  if (width / 2 % kPack<T> == 0) {
    run(rotate_kernel<T, kPack<T>>, kPack<T>);
  } else {
    run(rotate_kernel<T, 1>, 1);
  }
}

__device__ float sigmoid(float x) { return 1 / (1 + expf(-x)); }

// Calls kernel bodies for packs, and for the numbers behind the last whole pack one by one.
template <class T, class Body>
__device__ void each_pack(int64_t count, const Body& body) {
  constexpr int N = kPack<T>;
  const int64_t index = (blockIdx.x * int64_t{kThreads} + threadIdx.x) * N;
  if (index + N <= count) {
    body.template operator()<N>(index);
  } else {
    for (int64_t i = index; i < count; ++i) body.template operator()<1>(i);
  }
}

template <int N, class T>
__device__ Pack<T, N> load(const T* from, int64_t index) {
  return *reinterpret_cast<const Pack<T, N>*>(from + index);
}

template <class T, int N>
__device__ void store(const Pack<T, N>& pack, T* to, int64_t index) {
  *reinterpret_cast<Pack<T, N>*>(to + index) = pack;
}

template <class T>
__global__ void swiglu_kernel(const T* gate, const T* up, int64_t count, T* y) {
  each_pack<T>(count, [&]<int N>(int64_t index) {
    const auto g = load<N>(gate, index), u = load<N>(up, index);
    Pack<T, N> result;
    for (int i = 0; i < N; ++i) {
      const float x = widened(g.at[i]);
      result.at[i] = narrowed<T>(x * sigmoid(x) * widened(u.at[i]));
    }
    store(result, y, index);
  });
}

template <class T>
__global__ void swiglu_backward_kernel(const T* grad, const T* gate, const T* up, int64_t count, T* grad_gate,
                                       T* grad_up) {
  each_pack<T>(count, [&]<int N>(int64_t index) {
    const auto d = load<N>(grad, index), g = load<N>(gate, index), u = load<N>(up, index);
    Pack<T, N> to_gate, to_up;
    for (int i = 0; i < N; ++i) {
      const float x = widened(g.at[i]), s = sigmoid(x), dy = widened(d.at[i]);
      to_up.at[i] = narrowed<T>(dy * x * s);
      to_gate.at[i] = narrowed<T>(dy * widened(u.at[i]) * s * (1 + x * (1 - s)));
    }
    store(to_gate, grad_gate, index);
    store(to_up, grad_up, index);
  });
}

template <class T>
void swiglu_all(const void* gate, const void* up, int64_t count, void* y, cudaStream_t stream) {
  swiglu_kernel<T><<<blocks_for(count, kThreads * kPack<T>), kThreads, 0, stream>>>(
      static_cast<const T*>(gate), static_cast<const T*>(up), count, static_cast<T*>(y));
}

template <class T>
void swiglu_backward_all(const void* grad, const void* gate, const void* up, int64_t count, void* grad_gate,
                         void* grad_up, cudaStream_t stream) {
  swiglu_backward_kernel<T><<<blocks_for(count, kThreads * kPack<T>), kThreads, 0, stream>>>(
      static_cast<const T*>(grad), static_cast<const T*>(gate), static_cast<const T*>(up), count,
      static_cast<T*>(grad_gate), static_cast<T*>(grad_up));
}

}  // namespace

void rotate(Number type, const void* x, const float* cos, const float* sin, int64_t tokens, int64_t heads,
            int64_t width, float direction, void* y, cudaStream_t stream) {
  if (tokens == 0) return;
  (type == Number::float32 ? rotate_all<float> : rotate_all<bfloat16>)(x, cos, sin, tokens, heads, width, direction, y,
                                                                       stream);
}

void swiglu(Number type, const void* gate, const void* up, int64_t count, void* y, cudaStream_t stream) {
  if (count == 0) return;
  (type == Number::float32 ? swiglu_all<float> : swiglu_all<bfloat16>)(gate, up, count, y, stream);
}

void swiglu_backward(Number type, const void* grad, const void* gate, const void* up, int64_t count, void* grad_gate,
                     void* grad_up, cudaStream_t stream) {
  if (count == 0) return;
  (type == Number::float32 ? swiglu_backward_all<float> : swiglu_backward_all<bfloat16>)(grad, gate, up, count,
                                                                                         grad_gate, grad_up, stream);
}

}  // namespace golong::cuda
