// Attention over pages for rows that see whole lists of them: a list is cut into parts that run side by side, and the
// parts' results are merged by log-sum-exp.
#include "core/cuda/launch.h"
#include "core/cuda/numbers.cuh"
#include "core/nn/decode_item.h"

namespace golong::cuda {
namespace {

constexpr int kThreads = 128;  // of a block, four warps

// What a block needs to know of its item.
struct Place {
  const nn::DecodeItem* item;
  int64_t heads, kv_heads, kv_head, share;
  const int32_t* first_result;

  __device__ int64_t queries() const { return item->rows * share; }
  // Of query i: its row, and its head.
  __device__ int64_t row(int64_t i) const { return item->first_row + i / share; }
  __device__ int64_t head(int64_t i) const { return kv_head * share + i % share; }
  __device__ int64_t query(int64_t i) const { return row(i) * heads + head(i); }
  __device__ int64_t result(int64_t i, int part) const {
    return (int64_t{first_result[row(i)]} + item->place + part) * heads + head(i);
  }
};

__device__ Place place_of(const PagedDecode& work, const int32_t* items) {
  return {reinterpret_cast<const nn::DecodeItem*>(items) + blockIdx.x,
          work.heads,
          work.kv_heads,
          blockIdx.y,
          work.heads / work.kv_heads,
          work.first_result};
}

__device__ int64_t page_of(const PagedDecode& work, const Place& place, int64_t token) {
  return work.page_table[place.item->pages + token / kPageTokens];
}

// Numbers before the key of the block's head in a page, from the first page on.
__device__ int64_t offset_of(const PagedDecode& work, const Place& place, int64_t page, int64_t token) {
  return ((page * kPageTokens + token % kPageTokens) * place.kv_heads + place.kv_head) * work.head_dim;
}

// ---- Any type and size: a warp has a query, a lane a key. ----

constexpr int kMostParts = 8;  // dimensions of a lane: heads have up to 256

template <class T>
__global__ void __launch_bounds__(kThreads) plain_kernel(PagedDecode work, const int32_t* items) {
  extern __shared__ float queries[];  // [warps, head_dim]
  const Place place = place_of(work, items);
  const auto *q = static_cast<const T*>(work.q), *keys = static_cast<const T*>(work.keys),
             *values = static_cast<const T*>(work.values);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float* query = queries + warp * work.head_dim;
  for (int64_t i = warp; i < place.queries(); i += kThreads / 32) {
    for (int64_t d = lane; d < work.head_dim; d += 32) {
      query[d] = widened(q[place.query(i) * work.head_dim + d]) * work.scale;
    }
    __syncwarp();
    float gathered[kMostParts] = {}, highest = -INFINITY, sum = 0;
    for (int64_t start = place.item->begin; start < place.item->end; start += 32) {
      const int64_t token = start + lane;
      float score = -INFINITY;
      if (token < place.item->end) {
        const T* key = keys + offset_of(work, place, page_of(work, place, token), token);
        score = 0;
        for (int64_t d = 0; d < work.head_dim; ++d) score += query[d] * widened(key[d]);
      }
      float top = score;
      for (int distance = 16; distance > 0; distance /= 2) top = fmaxf(top, __shfl_xor_sync(~0u, top, distance));
      top = fmaxf(top, highest);
      const float weight = exp2f(score - top), shrink = exp2f(highest - top);
      highest = top;
      sum = sum * shrink + weight;
      for (float& x : gathered) x *= shrink;
      const int64_t count = min(int64_t{32}, place.item->end - start);
      for (int k = 0; k < count; ++k) {
        const float w = __shfl_sync(~0u, weight, k);
        const T* value = values + offset_of(work, place, page_of(work, place, start), start + k);
#pragma unroll
        for (int part = 0; part < kMostParts; ++part) {
          const int64_t d = part * 32 + lane;
          if (d < work.head_dim) gathered[part] += w * widened(value[d]);
        }
      }
    }
    for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_xor_sync(~0u, sum, distance);
    const int64_t result = place.result(i, 0);
#pragma unroll
    for (int part = 0; part < kMostParts; ++part) {
      const int64_t d = part * 32 + lane;
      if (d < work.head_dim) work.results[result * work.head_dim + d] = gathered[part] / sum;
    }
    if (lane == 0) work.sums[result] = highest + log2f(sum);
    __syncwarp();
  }
}

// ---- bfloat16 on tensor cores: a warp has 16 queries; where there are few, the warps share the keys. ----

__device__ void copy_16_bytes(void* to, const void* from) {
  const auto place = static_cast<unsigned>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(place), "l"(from));
}

// Four 8x8 matrices whose rows the lanes name, eight each; turned for values.
__device__ void load_matrices(unsigned (&to)[4], const bfloat16* row) {
  const auto place = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(place));
}
__device__ void load_turned(unsigned (&to)[4], const bfloat16* row) {
  const auto place = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(place));
}

// c [16, 8] += a [16, 16] b [16, 8]
__device__ void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ unsigned pair(float low, float high) {
  const __nv_bfloat162 both = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const unsigned*>(&both);
}

// Over the four lanes that have a row.
__device__ float highest_of_row(float x) {
  x = fmaxf(x, __shfl_xor_sync(~0u, x, 1));
  return fmaxf(x, __shfl_xor_sync(~0u, x, 2));
}
__device__ float sum_of_row(float x) {
  x += __shfl_xor_sync(~0u, x, 1);
  return x + __shfl_xor_sync(~0u, x, 2);
}

// Keys and values of some pages, of which one is computed with while the others are loaded. Rows are 16 bytes longer
// than they need to be, so that eight of them lie in different banks.
template <int D, int Stages>
struct Tiles {
  static constexpr int kStride = D + 8;
  bfloat16 keys[Stages][kPageTokens * kStride], values[Stages][kPageTokens * kStride];

  // Rows behind the list's end are somewhere in the same page, and masked afterwards.
  __device__ void load(const PagedDecode& work, const Place& place, int64_t page, int stage) {
    const auto *from_keys = static_cast<const bfloat16*>(work.keys),
               *from_values = static_cast<const bfloat16*>(work.values);
    const int64_t first = offset_of(work, place, page, 0), step = place.kv_heads * D;
    for (int chunk = threadIdx.x; chunk < kPageTokens * D / 8; chunk += kThreads) {
      const int row = chunk / (D / 8), column = chunk % (D / 8) * 8;
      copy_16_bytes(&keys[stage][row * kStride + column], from_keys + first + row * step + column);
      copy_16_bytes(&values[stage][row * kStride + column], from_values + first + row * step + column);
    }
  }
};

// One warp's 16 queries. In the matrices that its lanes hold, a lane has two rows (lane / 4 and 8 further on) and of
// each eight columns two (lane % 4 * 2).
template <int D, int Keys>
struct Warp {
  unsigned query[D / 16][4];
  float gathered[D / 8][4] = {};
  float highest[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};

  __device__ void load_queries(const PagedDecode& work, const Place& place, int64_t first) {
    const int lane = threadIdx.x % 32;
    const auto* q = static_cast<const bfloat16*>(work.q);
#pragma unroll
    for (int part = 0; part < 4; ++part) {
      const int64_t i = first + lane / 4 + part % 2 * 8;
      const bfloat16* row = q + place.query(i) * D + lane % 4 * 2 + part / 2 * 8;
#pragma unroll
      for (int k = 0; k < D / 16; ++k) {
        query[k][part] = i < place.queries() ? *reinterpret_cast<const unsigned*>(row + k * 16) : 0;
      }
    }
  }

  // Sees `Keys` keys of a tile, of which the first `valid` are there.
  __device__ void see(const bfloat16* keys, const bfloat16* values, int stride, int64_t valid, float scale) {
    const int lane = threadIdx.x % 32;
    float score[Keys / 8][4] = {};
#pragma unroll
    for (int k = 0; k < D / 16; ++k) {
#pragma unroll
      for (int n = 0; n < Keys / 16; ++n) {
        unsigned b[4];
        load_matrices(b, keys + (n * 16 + lane % 8 + lane / 16 * 8) * stride + k * 16 + lane / 8 % 2 * 8);
        multiply(score[2 * n], query[k], b[0], b[1]);
        multiply(score[2 * n + 1], query[k], b[2], b[3]);
      }
    }
    float top[2] = {highest[0], highest[1]};
#pragma unroll
    for (int n = 0; n < Keys / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const bool seen = n * 8 + lane % 4 * 2 + i % 2 < valid;
        score[n][i] = seen ? score[n][i] * scale : -INFINITY;
        top[i / 2] = fmaxf(top[i / 2], score[n][i]);
      }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      top[half] = highest_of_row(top[half]);
      const float shrink = top[half] == -INFINITY ? 1.f : exp2f(highest[half] - top[half]);
      highest[half] = top[half];
      sum[half] *= shrink;
#pragma unroll
      for (int d = 0; d < D / 8; ++d) {
        gathered[d][2 * half] *= shrink;
        gathered[d][2 * half + 1] *= shrink;
      }
    }
#pragma unroll
    for (int n = 0; n < Keys / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        // Nothing seen so far: the difference of two infinities is no number.
        score[n][i] = score[n][i] == -INFINITY ? 0.f : exp2f(score[n][i] - highest[i / 2]);
        sum[i / 2] += score[n][i];
      }
    }
#pragma unroll
    for (int n = 0; n < Keys / 16; ++n) {
      const unsigned weights[4] = {
          pair(score[2 * n][0], score[2 * n][1]), pair(score[2 * n][2], score[2 * n][3]),
          pair(score[2 * n + 1][0], score[2 * n + 1][1]), pair(score[2 * n + 1][2], score[2 * n + 1][3])};
#pragma unroll
      for (int d = 0; d < D / 16; ++d) {
        unsigned b[4];
        load_turned(b, values + (n * 16 + lane % 8 + lane / 8 % 2 * 8) * stride + d * 16 + lane / 16 * 8);
        multiply(gathered[2 * d], weights, b[0], b[1]);
        multiply(gathered[2 * d + 1], weights, b[2], b[3]);
      }
    }
  }

  __device__ void write(const PagedDecode& work, const Place& place, int64_t first, int part) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float all = sum_of_row(sum[half]), inverse = all > 0 ? 1 / all : 0.f;
      const int64_t i = first + lane / 4 + half * 8;
      if (i >= place.queries()) continue;
      const int64_t result = place.result(i, part);
#pragma unroll
      for (int d = 0; d < D / 8; ++d) {
        *reinterpret_cast<float2*>(work.results + result * D + d * 8 + lane % 4 * 2) =
            make_float2(gathered[d][2 * half] * inverse, gathered[d][2 * half + 1] * inverse);
      }
      if (lane % 4 == 0) work.sums[result] = all > 0 ? highest[half] + log2f(all) : -INFINITY;
    }
  }
};

// `Parts`: warps that share the keys of a page; the others have other queries. `Stages`: pages in shared memory.
template <int D, int Parts, int Stages>
__global__ void __launch_bounds__(kThreads) tensor_kernel(PagedDecode work, const int32_t* items) {
  extern __shared__ __align__(16) unsigned char memory[];
  using Pages = Tiles<D, Stages>;
  Pages& tiles = *reinterpret_cast<Pages*>(memory);
  const Place place = place_of(work, items);
  constexpr int kKeys = kPageTokens / Parts;
  const int warp = threadIdx.x / 32, part = warp % Parts;
  const int64_t first = warp / Parts * 16;
  Warp<D, kKeys> own;
  const int64_t begin = place.item->begin, end = place.item->end;
  // The number of the page that is loaded next is asked for one round ahead.
  int64_t next = begin, page = page_of(work, place, begin);
  const auto load_next = [&](int stage) {
    if (next < end) {
      tiles.load(work, place, page, stage);
      next += kPageTokens;
      if (next < end) page = page_of(work, place, next);
    }
    asm volatile("cp.async.commit_group;");  // an empty one counts, too
  };
  for (int stage = 0; stage + 1 < Stages; ++stage) load_next(stage);
  own.load_queries(work, place, first);
  int stage = 0;
  for (int64_t token = begin; token < end; token += kPageTokens, stage = (stage + 1) % Stages) {
    asm volatile("cp.async.wait_group %0;" ::"n"(Stages - 2));
    __syncthreads();  // the page is there for all, and the one before is done with
    load_next((stage + Stages - 1) % Stages);
    const int start = part * kKeys * Pages::kStride;
    own.see(tiles.keys[stage] + start, tiles.values[stage] + start, Pages::kStride, end - token - part * kKeys,
            work.scale);
  }
  own.write(work, place, first, part);
}

// ---- Merging. A block has a row and a head, a thread a dimension. ----

constexpr int kMostTogether = 256;  // results whose weights are kept at a time

template <class T>
__global__ void merge_kernel(PagedDecode work) {
  __shared__ float weights[kMostTogether];
  const int64_t row = blockIdx.x, head = blockIdx.y, d = threadIdx.x;
  const int64_t first = work.first_result[row], last = work.first_result[row + 1];
  if (first == last) return;
  float highest = -INFINITY, gathered = 0, sum = 0;
  for (int64_t start = first; start < last; start += kMostTogether) {
    const int count = static_cast<int>(min(int64_t{kMostTogether}, last - start));
    __syncthreads();
    for (int i = threadIdx.x; i < count; i += blockDim.x) weights[i] = work.sums[(start + i) * work.heads + head];
    __syncthreads();
    float top = highest;
    for (int i = 0; i < count; ++i) top = fmaxf(top, weights[i]);
    const float shrink = top == -INFINITY ? 1.f : exp2f(highest - top);
    highest = top;
    gathered *= shrink;
    sum *= shrink;
    const float* from = work.results + (start * work.heads + head) * work.head_dim + d;
#pragma unroll 8
    for (int i = 0; i < count; ++i) {
      const float weight = weights[i] == -INFINITY ? 0.f : exp2f(weights[i] - highest);
      gathered += weight * from[i * work.heads * work.head_dim];
      sum += weight;
    }
  }
  static_cast<T*>(work.out)[(row * work.heads + head) * work.head_dim + d] = narrowed<T>(gathered / sum);
}

// Half of the blocks have the keys, half the values.
template <class Unit>
__global__ void write_kernel(const Unit* k, const Unit* v, const int64_t* slots, int64_t rows, int64_t width, Unit* keys,
                             Unit* values) {
  const int64_t index = blockIdx.x * int64_t{kThreads} + threadIdx.x;
  if (index >= rows * width) return;
  const int64_t to = slots[index / width] * width + index % width;
  if (blockIdx.y == 0) {
    keys[to] = k[index];
  } else {
    values[to] = v[index];
  }
}

template <int D, int Parts, int Stages>
void run_stages(const PagedDecode& work, const int32_t* items, int64_t count, cudaStream_t stream) {
  constexpr size_t bytes = sizeof(Tiles<D, Stages>);
  // Once: a process uses one device. Where this fails the launch does, and says so.
  static const cudaError_t allowed = cudaFuncSetAttribute(
      tensor_kernel<D, Parts, Stages>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
  static_cast<void>(allowed);
  tensor_kernel<D, Parts, Stages><<<dim3(count, work.kv_heads), kThreads, bytes, stream>>>(work, items);
}

// Three pages where two blocks of them fit a multiprocessor, else two.
template <int D, int Parts>
void run_tensor(const PagedDecode& work, const int32_t* items, int64_t count, cudaStream_t stream) {
  static const bool is_large = [] {
    int device = 0, bytes = 0;
    return cudaGetDevice(&device) == cudaSuccess &&
           cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerMultiprocessor, device) == cudaSuccess &&
           static_cast<size_t>(bytes) > 2 * (sizeof(Tiles<D, 3>) + 1024);
  }();
  is_large ? run_stages<D, Parts, 3>(work, items, count, stream) : run_stages<D, Parts, 2>(work, items, count, stream);
}

template <int D>
void run_fast(const PagedDecode& work, cudaStream_t stream) {
  if (work.few_count > 0) run_tensor<D, kFewParts>(work, work.few, work.few_count, stream);
  if (work.many_count > 0) run_tensor<D, 1>(work, work.many, work.many_count, stream);
}

template <class T>
void run_plain(const PagedDecode& work, cudaStream_t stream) {
  const size_t bytes = static_cast<size_t>(kThreads / 32 * work.head_dim) * sizeof(float);
  const auto run = [&](const int32_t* items, int64_t count) {
    if (count > 0) plain_kernel<T><<<dim3(count, work.kv_heads), kThreads, bytes, stream>>>(work, items);
  };
  run(work.few, work.few_count);
  run(work.many, work.many_count);
}

template <class T>
void merge(const PagedDecode& work, cudaStream_t stream) {
  merge_kernel<T><<<dim3(work.tokens, work.heads), work.head_dim, 0, stream>>>(work);
}

}  // namespace

void write_pages(const void* k, const void* v, const int64_t* slots, int64_t rows, int64_t row_bytes, void* keys,
                 void* values, cudaStream_t stream) {
  if (rows == 0) return;
  const auto run = [&]<class Unit>(Unit) {
    const int64_t width = row_bytes / static_cast<int64_t>(sizeof(Unit));
    write_kernel<<<dim3(blocks_for(rows * width, kThreads), 2), kThreads, 0, stream>>>(
        static_cast<const Unit*>(k), static_cast<const Unit*>(v), slots, rows, width, static_cast<Unit*>(keys),
        static_cast<Unit*>(values));
  };
  row_bytes % 16 == 0 ? run(int4{}) : run(int16_t{});
}

bool has_fast_decode(Number type, int64_t head_dim) {
  return type == Number::bfloat16 && (head_dim == 32 || head_dim == 64 || head_dim == 96 || head_dim == 128);
}

void paged_decode(const PagedDecode& work, cudaStream_t stream) {
  if (!has_fast_decode(work.type, work.head_dim)) {
    (work.type == Number::float32 ? run_plain<float> : run_plain<bfloat16>)(work, stream);
  } else if (work.head_dim == 32) {
    run_fast<32>(work, stream);
  } else if (work.head_dim == 64) {
    run_fast<64>(work, stream);
  } else if (work.head_dim == 96) {
    run_fast<96>(work, stream);
  } else {
    run_fast<128>(work, stream);
  }
  (work.type == Number::float32 ? merge<float> : merge<bfloat16>)(work, stream);
}

}  // namespace golong::cuda
