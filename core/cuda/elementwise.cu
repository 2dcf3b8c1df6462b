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

// A warp has a row, which it reads twice: the second time from the cache.
template <class T>
__global__ void norm_rotate_kernel(const T* x, const T* weight, float epsilon, const float* cos, const float* sin,
                                   int64_t rows, int64_t heads, int64_t width, T* y) {
  const int64_t row = blockIdx.x * int64_t{kThreads / 32} + threadIdx.x / 32, half = width / 2;
  if (row >= rows) return;
  const int lane = threadIdx.x % 32;
  x += row * width;
  y += row * width;
  float scale = 1;
  if (weight) {
    float squares = 0;
    for (int64_t i = lane; i < width; i += 32) squares += widened(x[i]) * widened(x[i]);
    for (int distance = 16; distance > 0; distance /= 2) squares += __shfl_xor_sync(~0u, squares, distance);
    scale = rsqrtf(squares / static_cast<float>(width) + epsilon);
  }
  // As if the norm had been written and read again.
  const auto normed = [&](int64_t i) {
    return weight ? widened(narrowed<T>(widened(x[i]) * scale * widened(weight[i]))) : widened(x[i]);
  };
  if (!cos) {
    for (int64_t i = lane; i < width; i += 32) y[i] = narrowed<T>(normed(i));
    return;
  }
  cos += row / heads * width;
  sin += row / heads * width;
  for (int64_t i = lane; i < half; i += 32) {
    const float a = normed(i), b = normed(half + i);
    y[i] = narrowed<T>(a * cos[i] - b * sin[i]);
    y[half + i] = narrowed<T>(b * cos[i] + a * sin[i]);
  }
}

// The same for long rows: a block has a row.
template <class T>
__global__ void norm_kernel(const T* x, const T* weight, float epsilon, int64_t width, T* y) {
  __shared__ float shared[kThreads / 32];
  x += blockIdx.x * width;
  y += blockIdx.x * width;
  float squares = 0;
  for (int64_t i = threadIdx.x; i < width; i += kThreads) squares += widened(x[i]) * widened(x[i]);
  squares = reduced<kThreads>(squares, shared, [](float a, float b) { return a + b; });
  const float scale = rsqrtf(squares / static_cast<float>(width) + epsilon);
  for (int64_t i = threadIdx.x; i < width; i += kThreads) y[i] = narrowed<T>(widened(x[i]) * scale * widened(weight[i]));
}

template <class T>
void norm_rotate_all(const void* x, const void* weight, float epsilon, const float* cos, const float* sin, int64_t rows,
                     int64_t heads, int64_t width, void* y, cudaStream_t stream) {
  const auto *from = static_cast<const T*>(x), *w = static_cast<const T*>(weight);
  if (!cos && width > 512) {
    norm_kernel<T><<<rows, kThreads, 0, stream>>>(from, w, epsilon, width, static_cast<T*>(y));
  } else {
    norm_rotate_kernel<T><<<blocks_for(rows, kThreads / 32), kThreads, 0, stream>>>(from, w, epsilon, cos, sin, rows,
                                                                                   heads, width, static_cast<T*>(y));
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

void norm_rotate(Number type, const void* x, const void* weight, float epsilon, const float* cos, const float* sin,
                 int64_t rows, int64_t heads, int64_t width, void* y, cudaStream_t stream) {
  if (rows == 0) return;
  (type == Number::float32 ? norm_rotate_all<float> : norm_rotate_all<bfloat16>)(x, weight, epsilon, cos, sin, rows,
                                                                                heads, width, y, stream);
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
