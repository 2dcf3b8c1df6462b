#include "core/nn/cpu_segment.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "core/nn/amx_segment.h"
#include "core/nn/share_out.h"

namespace golong::nn {
namespace {

int64_t round_up(int64_t count, int64_t multiple) { return (count + multiple - 1) / multiple * multiple; }

// Keys or values as the kernels want them: [B, Hkv, Tk filled up, D filled up], dense.
at::Tensor filled_up(const at::Tensor& x, int64_t key_block) {
  const int64_t keys = round_up(x.size(2), key_block), dim = round_up(x.size(3), kDimBlock);
  if (keys == x.size(2) && dim == x.size(3)) return x.contiguous();
  at::Tensor filled = at::zeros({x.size(0), x.size(1), keys, dim}, x.options());
  filled.narrow(2, 0, x.size(2)).narrow(3, 0, x.size(3)).copy_(x);
  return filled;
}

// [B, H, T, D] in the order of the packed sequences: [B, T, H, D].
at::Tensor empty_rows(const at::Tensor& q, int64_t tokens, at::ScalarType type) {
  return at::empty({q.size(0), tokens, q.size(1), q.size(3)}, q.options().dtype(type)).transpose(1, 2);
}

at::Tensor dense_rows(const at::Tensor& x) { return x.stride(3) == 1 ? x : x.contiguous(); }

// The heads of a segment.
struct Heads {
  const at::Tensor& q;
  at::Tensor k, v;
  int64_t keys, share;
  bool causal;
  float scale;

  Heads(const at::Tensor& queries, const at::Tensor& key, const at::Tensor& value, bool masked, double factor,
        int64_t key_block)
      : q(queries),
        k(filled_up(key, key_block)),
        v(filled_up(value, key_block)),
        keys(key.size(2)),
        share(queries.size(1) / key.size(1)),
        causal(masked),
        scale(static_cast<float>(factor)) {}

  int64_t count() const { return k.size(0) * k.size(1); }
  int64_t rows() const { return q.size(2) * share; }
  int64_t dim() const { return k.size(3); }
  int64_t numbers() const { return k.size(2) * k.size(3); }  // of one head's keys

  // Those of head i of one of keys and values, or of what is like them.
  template <class T>
  T* keys_of(const at::Tensor& x, int64_t i) const {
    return static_cast<T*>(x.data_ptr()) + i * numbers();
  }
  // The rows of its queries in x [B, H, T, ...].
  template <class T>
  RowView<T> rows_of(const at::Tensor& x, int64_t i) const {
    const int64_t b = i / k.size(1), first = i % k.size(1) * share;
    return {static_cast<T*>(x.data_ptr()) + b * x.stride(0) + first * x.stride(1), x.stride(2), x.stride(1)};
  }
  template <class T>
  SegmentHead<T> head(int64_t i) const {
    return {{rows(), share, q.size(3), keys, dim(), causal},
            scale,
            keys_of<const T>(k, i),
            keys_of<const T>(v, i),
            rows_of<const T>(q, i)};
  }
};

// Of one thread, which gets it with its first task.
auto scratch_of(int64_t size) {
  return [size] { return at::empty({size}, at::kFloat); };
}

// run(i, head, first row, out, lse, scratch) for all tiles of rows; T is the type of the numbers.
template <class T, class Run>
Partial forward(const Heads& heads, int64_t scratch_size, const Run& run) {
  const at::Tensor& q = heads.q;
  Partial result{empty_rows(q, q.size(2), q.scalar_type()),
                 at::empty({q.size(0), q.size(2), q.size(1)}, q.options().dtype(at::kFloat)).transpose(1, 2)};
  const int64_t tiles = (heads.rows() + kTileRows - 1) / kTileRows;
  share_out(heads.count() * tiles, scratch_of(scratch_size), [&](int64_t task, const at::Tensor& scratch) {
    // Later tiles see more keys: the longest tasks begin first.
    const int64_t i = task % heads.count(), tile = tiles - 1 - task / heads.count();
    run(i, heads.head<T>(i), tile * kTileRows, heads.rows_of<T>(result.out, i), heads.rows_of<float>(result.lse, i),
        scratch.mutable_data_ptr<float>());
  });
  return result;
}

// run(i, part, first row, scratch) for all tiles of rows. Keys are cut into parts, of which each gathers gradients of
// its own to the queries, so that several threads have something to do where there are few heads. How many depends on
// the shapes alone.
template <class T, class Run>
SegmentGradients backward(const Heads& heads, const at::Tensor& grad_out, const Partial& merged, int64_t scratch_size,
                          const Run& run) {
  constexpr int64_t kEnoughTasks = 16, kLeastKeys = 1024;
  const at::Tensor& q = heads.q;
  const at::Tensor grad = dense_rows(grad_out), out = dense_rows(merged.out);
  const bool causal = heads.causal;
  const int64_t seen = causal ? std::min(q.size(2), heads.keys) : heads.keys;
  const int64_t most_parts = std::max<int64_t>(1, kEnoughTasks / heads.count());
  const int64_t part_keys = round_up(std::max(kLeastKeys, (seen + most_parts - 1) / most_parts), kTileKeys);
  at::Tensor grad_k = at::zeros(heads.k.sizes(), q.options().dtype(at::kFloat)), grad_v = at::zeros_like(grad_k);
  std::vector<at::Tensor> grad_q;  // of each part; of the queries that see it
  for (int64_t begin = 0; begin < seen; begin += part_keys)
    grad_q.push_back(empty_rows(q, q.size(2) - (causal ? begin : 0), at::kFloat));
  const auto parts = static_cast<int64_t>(grad_q.size());
  share_out(heads.count() * parts, scratch_of(scratch_size), [&](int64_t task, const at::Tensor& scratch) {
    // Earlier keys are seen by more queries: the longest tasks begin first.
    const int64_t i = task % heads.count(), part = task / heads.count(), begin = part * part_keys;
    const int64_t first = causal ? begin : 0;
    RowView<float> to = heads.rows_of<float>(grad_q[static_cast<size_t>(part)], i);
    to.data -= first * to.token;
    const SegmentPart<T> work{heads.head<T>(i),
                              begin,
                              std::min(begin + part_keys, seen),
                              heads.rows_of<const T>(grad, i),
                              heads.rows_of<const T>(out, i),
                              heads.rows_of<const float>(merged.lse, i),
                              heads.keys_of<float>(grad_k, i),
                              heads.keys_of<float>(grad_v, i),
                              to};
    for (int64_t row = first * heads.share; row < heads.rows(); row += kTileRows) {
      run(i, work, row, scratch.mutable_data_ptr<float>());
    }
  });
  for (int64_t part = 1; part < parts; ++part) {
    const at::Tensor& more = grad_q[static_cast<size_t>(part)];
    grad_q[0].narrow(2, q.size(2) - more.size(2), more.size(2)).add_(more);
  }
  const at::ScalarType type = q.scalar_type();
  const auto cut = [&](const at::Tensor& x) { return x.narrow(2, 0, heads.keys).narrow(3, 0, q.size(3)).to(type); };
  return {grad_q[0].to(type), cut(grad_k), cut(grad_v)};
}

// The heads' keys or values as the matrix unit sums them up.
at::Tensor turned(const Heads& heads, const at::Tensor& x, const AmxKernels& amx) {
  at::Tensor columns = at::empty_like(x);
  share_out(heads.count(), [&](int64_t i) {
    amx.turn_keys(heads.keys_of<const uint16_t>(x, i), x.size(2), x.size(3), heads.keys_of<uint16_t>(columns, i));
  });
  return columns;
}

const AmxKernels* amx_for(const at::Tensor& q, const TileKernels* kernels) {
  return q.scalar_type() == at::kBFloat16 && !kernels ? amx_kernels() : nullptr;
}

}  // namespace

bool has_cpu_segment(const at::Tensor& q) {
  return q.device().is_cpu() && (q.scalar_type() == at::kFloat || q.scalar_type() == at::kBFloat16);
}

Partial cpu_segment_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal, double scale,
                            const TileKernels* kernels) {
  if (const AmxKernels* amx = amx_for(q, kernels)) {
    const Heads heads(q, k, v, causal, scale, kAmxKeyBlock);
    const at::Tensor columns = turned(heads, heads.v, *amx);
    return forward<uint16_t>(
        heads, amx->forward_scratch(heads.dim()),
        [&](int64_t i, const auto& head, int64_t row, const auto& out, const auto& lse, float* scratch) {
          amx->forward_tile(head, heads.keys_of<const uint16_t>(columns, i), row, out, lse, scratch);
        });
  }
  const TileKernels& used = kernels ? *kernels : tile_kernel_versions().front();
  const at::Tensor wide = q.to(at::kFloat);
  const Heads heads(wide, k.to(at::kFloat), v.to(at::kFloat), causal, scale, kKeyBlock);
  Partial result = forward<float>(heads, forward_scratch(heads.dim()),
                                  [&](int64_t, const auto& head, int64_t row, const auto& out, const auto& lse,
                                      float* scratch) { forward_tile(head, row, out, lse, used, scratch); });
  result.out = result.out.to(q.scalar_type());
  return result;
}

SegmentGradients cpu_segment_backward(const at::Tensor& grad_out, const at::Tensor& q, const at::Tensor& k,
                                      const at::Tensor& v, const Partial& merged, bool causal, double scale,
                                      const TileKernels* kernels) {
  if (const AmxKernels* amx = amx_for(q, kernels)) {
    const Heads heads(q, k, v, causal, scale, kAmxKeyBlock);
    const at::Tensor columns = turned(heads, heads.k, *amx);
    return backward<uint16_t>(heads, grad_out, merged, amx->backward_scratch(heads.dim()),
                              [&](int64_t i, const auto& part, int64_t row, float* scratch) {
                                amx->backward_tile(part, heads.keys_of<const uint16_t>(columns, i), row, scratch);
                              });
  }
  const TileKernels& used = kernels ? *kernels : tile_kernel_versions().front();
  const at::ScalarType type = q.scalar_type();
  const at::Tensor wide = q.to(at::kFloat);
  const Heads heads(wide, k.to(at::kFloat), v.to(at::kFloat), causal, scale, kKeyBlock);
  SegmentGradients gradients = backward<float>(
      heads, grad_out.to(at::kFloat), {merged.out.to(at::kFloat), merged.lse}, backward_scratch(heads.dim()),
      [&](int64_t, const auto& part, int64_t row, float* scratch) { backward_tile(part, row, used, scratch); });
  return {gradients.q.to(type), gradients.k.to(type), gradients.v.to(type)};
}

}  // namespace golong::nn
