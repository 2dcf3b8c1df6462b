#include "core/nn/cpu_segment.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "core/nn/share_out.h"

namespace golong::nn {
namespace {

int64_t round_up(int64_t count, int64_t multiple) { return (count + multiple - 1) / multiple * multiple; }

// Keys or values as the kernels want them: [B, Hkv, Tk filled up, D filled up], dense.
at::Tensor filled_up(const at::Tensor& x) {
  const int64_t keys = round_up(x.size(2), kKeyBlock), dim = round_up(x.size(3), kDimBlock);
  if (keys == x.size(2) && dim == x.size(3)) return x.contiguous();
  at::Tensor filled = at::zeros({x.size(0), x.size(1), keys, dim}, x.options());
  filled.narrow(2, 0, x.size(2)).narrow(3, 0, x.size(3)).copy_(x);
  return filled;
}

// [B, H, T, D] in the order of the packed sequences: [B, T, H, D].
at::Tensor empty_rows(const at::Tensor& q, int64_t tokens) {
  return at::empty({q.size(0), tokens, q.size(1), q.size(3)}, q.options()).transpose(1, 2);
}

// The rows of head `kv_head` of batch `b` in x [B, H, T, ...].
template <class T>
RowView<T> rows_of(const at::Tensor& x, int64_t b, int64_t kv_head, int64_t share) {
  T* data = static_cast<T*>(x.data_ptr());
  return {data + b * x.stride(0) + kv_head * share * x.stride(1), x.stride(2), x.stride(1)};
}

// The heads of a segment.
struct Heads {
  const at::Tensor& q;
  at::Tensor k, v;
  int64_t keys, share;
  bool causal;
  float scale;

  Heads(const at::Tensor& queries, const at::Tensor& key, const at::Tensor& value, bool masked, double factor)
      : q(queries),
        k(filled_up(key)),
        v(filled_up(value)),
        keys(key.size(2)),
        share(queries.size(1) / key.size(1)),
        causal(masked),
        scale(static_cast<float>(factor)) {}

  int64_t count() const { return k.size(0) * k.size(1); }
  int64_t batch(int64_t i) const { return i / k.size(1); }
  int64_t kv_head(int64_t i) const { return i % k.size(1); }
  int64_t rows() const { return q.size(2) * share; }

  template <class T>
  RowView<T> rows_of(const at::Tensor& x, int64_t i) const {
    return nn::rows_of<T>(x, batch(i), kv_head(i), share);
  }

  SegmentHead operator[](int64_t i) const {
    const int64_t size = k.size(2) * k.size(3);
    return {rows(),
            share,
            q.size(3),
            keys,
            k.size(3),
            k.const_data_ptr<float>() + i * size,
            v.const_data_ptr<float>() + i * size,
            rows_of<const float>(q, i),
            causal,
            scale};
  }
};

// Of one thread, which gets it with its first task.
auto scratch_of(int64_t size) {
  return [size] { return at::empty({size}, at::kFloat); };
}

}  // namespace

bool has_cpu_segment(const at::Tensor& q) { return q.device().is_cpu() && q.scalar_type() == at::kFloat; }

Partial cpu_segment_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal, double scale,
                            const TileKernels& kernels) {
  const Heads heads(q, k, v, causal, scale);
  Partial result{empty_rows(q, q.size(2)), at::empty({q.size(0), q.size(2), q.size(1)}, q.options()).transpose(1, 2)};
  const int64_t tiles = (heads.rows() + kTileRows - 1) / kTileRows;
  share_out(heads.count() * tiles, scratch_of(forward_scratch(heads.k.size(3))),
            [&](int64_t task, const at::Tensor& scratch) {
              // Later tiles see more keys: the longest tasks begin first.
              const int64_t i = task % heads.count(), tile = tiles - 1 - task / heads.count();
              forward_tile(heads[i], tile * kTileRows, heads.rows_of<float>(result.out, i),
                           heads.rows_of<float>(result.lse, i), kernels, scratch.mutable_data_ptr<float>());
            });
  return result;
}

// Keys are cut into parts, of which each gathers gradients of its own to the queries, so that several threads have
// something to do where there are few heads. How many depends on the shapes alone.
SegmentGradients cpu_segment_backward(const at::Tensor& grad_out, const at::Tensor& q, const at::Tensor& k,
                                      const at::Tensor& v, const Partial& merged, bool causal, double scale,
                                      const TileKernels& kernels) {
  constexpr int64_t kEnoughTasks = 16, kLeastKeys = 1024;
  const Heads heads(q, k, v, causal, scale);
  const at::Tensor grad = grad_out.stride(3) == 1 ? grad_out : grad_out.contiguous(),
                   out = merged.out.stride(3) == 1 ? merged.out : merged.out.contiguous();
  const int64_t seen = causal ? std::min(q.size(2), heads.keys) : heads.keys;
  const int64_t most_parts = std::max<int64_t>(1, kEnoughTasks / heads.count());
  const int64_t part_keys = round_up(std::max(kLeastKeys, (seen + most_parts - 1) / most_parts), kTileKeys);
  at::Tensor grad_k = at::zeros_like(heads.k), grad_v = at::zeros_like(heads.v);
  std::vector<at::Tensor> grad_q;  // of each part; of the queries that see it
  for (int64_t begin = 0; begin < seen; begin += part_keys)
    grad_q.push_back(empty_rows(q, q.size(2) - (causal ? begin : 0)));
  const auto parts = static_cast<int64_t>(grad_q.size());
  share_out(heads.count() * parts, scratch_of(backward_scratch(heads.k.size(3))),
            [&](int64_t task, const at::Tensor& scratch) {
              // Earlier keys are seen by more queries: the longest tasks begin first.
              const int64_t i = task % heads.count(), part = task / heads.count(), begin = part * part_keys;
              const SegmentHead head = heads[i];
              const int64_t first = causal ? begin : 0, size = heads.k.size(2) * heads.k.size(3);
              RowView<float> to = heads.rows_of<float>(grad_q[static_cast<size_t>(part)], i);
              to.data -= first * to.token;
              const SegmentPart work{head,
                                     begin,
                                     std::min(begin + part_keys, seen),
                                     heads.rows_of<const float>(grad, i),
                                     heads.rows_of<const float>(out, i),
                                     heads.rows_of<const float>(merged.lse, i),
                                     grad_k.mutable_data_ptr<float>() + i * size,
                                     grad_v.mutable_data_ptr<float>() + i * size,
                                     to};
              for (int64_t row = first * heads.share; row < heads.rows(); row += kTileRows) {
                backward_tile(work, row, kernels, scratch.mutable_data_ptr<float>());
              }
            });
  for (int64_t part = 1; part < parts; ++part) {
    const at::Tensor& more = grad_q[static_cast<size_t>(part)];
    grad_q[0].narrow(2, q.size(2) - more.size(2), more.size(2)).add_(more);
  }
  const auto cut = [&](const at::Tensor& x) { return x.narrow(2, 0, heads.keys).narrow(3, 0, q.size(3)); };
  return {grad_q[0], cut(grad_k), cut(grad_v)};
}

}  // namespace golong::nn
