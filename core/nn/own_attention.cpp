#include "core/nn/own_attention.h"

#include <ATen/ATen.h>

#include "core/nn/buckets.h"

namespace golong::nn {
namespace {

// Pieces of which each begins where the one before ends.
struct Chain {
  int64_t start = 0, tokens = 0;
  std::vector<int64_t> lengths;
};

std::vector<Chain> chains_of(const std::vector<Piece>& pieces) {
  std::vector<Chain> chains;
  for (const Piece& piece : pieces) {
    if (chains.empty() || chains.back().start + chains.back().tokens != piece.start) chains.push_back({piece.start});
    chains.back().tokens += piece.length;
    chains.back().lengths.push_back(piece.length);
  }
  return chains;
}

}  // namespace

void own_forward(const std::vector<Piece>& pieces, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 double scale, at::Tensor& out, at::Tensor& lse) {
  if (!has_chain(q)) return buckets_forward(make_buckets(pieces), q, k, v, scale, out, lse);
  for (const Chain& chain : chains_of(pieces)) {
    const auto part = [&](const at::Tensor& x) { return x.narrow(0, chain.start, chain.tokens); };
    const Partial own = chain_forward(part(q), part(k), part(v), chain.lengths, scale);
    at::Tensor merged_out = part(out), merged_lse = part(lse);
    merge_rows(merged_out, merged_lse, own.out, own.lse);
    part(out).copy_(merged_out);
    part(lse).copy_(merged_lse);
  }
}

void own_backward(const std::vector<Piece>& pieces, const at::Tensor& grad, const at::Tensor& q, const at::Tensor& k,
                  const at::Tensor& v, const at::Tensor& out, const at::Tensor& lse, double scale,
                  SegmentGradients to) {
  if (!has_chain(q)) return buckets_backward(make_buckets(pieces), grad, q, k, v, out, lse, scale, std::move(to));
  for (const Chain& chain : chains_of(pieces)) {
    const auto part = [&](const at::Tensor& x) { return x.narrow(0, chain.start, chain.tokens); };
    const SegmentGradients own =
        chain_backward(part(grad), part(q), part(k), part(v), {part(out), part(lse)}, chain.lengths, scale);
    part(to.q).add_(own.q);
    part(to.k).copy_(own.k);
    part(to.v).copy_(own.v);
  }
}

}  // namespace golong::nn
