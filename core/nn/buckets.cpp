#include "core/nn/buckets.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace golong::nn {
namespace {

at::Tensor index(const std::vector<int64_t>& values, const at::Tensor& like) {
  return at::tensor(values, at::kLong).to(like.device());
}

// [T, H, ...] gathered into [rows, H, length, ...]
at::Tensor gather(const at::Tensor& x, const Bucket& bucket, const at::Tensor& places) {
  at::Tensor taken = x.index_select(0, places);
  std::vector<int64_t> shape = taken.sizes().vec();
  shape[0] = bucket.length;
  shape.insert(shape.begin(), bucket.rows);
  return taken.view(shape).transpose(1, 2);
}

// The inverse for the places that are no padding: [rows, H, length, ...] -> [tokens of the bucket, H, ...]
at::Tensor scatter(const at::Tensor& x, const at::Tensor& places) {
  at::Tensor flat = x.transpose(1, 2).flatten(0, 1);
  return flat.index_select(0, places);
}

}  // namespace

// Fills buckets from the longest response down. Padding is bounded: a bucket takes a response while its places stay
// below 1.5 times its tokens, or are few anyway.
std::vector<Bucket> make_buckets(std::vector<Piece> pieces) {
  constexpr int64_t kFewPlaces = 4096;
  std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.length > b.length; });
  std::vector<Bucket> buckets;
  int64_t used = 0;
  for (const Piece& piece : pieces) {
    bool fits = !buckets.empty();
    if (fits) {
      int64_t places = (buckets.back().rows + 1) * buckets.back().length;
      fits = places <= kFewPlaces || 2 * places <= 3 * (used + piece.length);
    }
    if (!fits) {
      buckets.emplace_back();
      buckets.back().length = piece.length;
      used = 0;
    }
    Bucket& bucket = buckets.back();
    for (int64_t i = 0; i < bucket.length; ++i) {
      if (i < piece.length) {
        bucket.places.push_back(static_cast<int64_t>(bucket.gather.size()));
        bucket.tokens.push_back(piece.start + i);
      }
      bucket.gather.push_back(piece.start + std::min(i, piece.length - 1));
    }
    ++bucket.rows;
    used += piece.length;
  }
  return buckets;
}

void buckets_forward(const std::vector<Bucket>& buckets, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 double scale, at::Tensor& out, at::Tensor& lse) {
  for (const Bucket& bucket : buckets) {
    const at::Tensor all = index(bucket.gather, q), places = index(bucket.places, q), tokens = index(bucket.tokens, q);
    const Partial own =
        segment_forward(gather(q, bucket, all), gather(k, bucket, all), gather(v, bucket, all), true, scale);
    at::Tensor merged_out = out.index_select(0, tokens), merged_lse = lse.index_select(0, tokens);
    merge_rows(merged_out, merged_lse, scatter(own.out, places), scatter(own.lse, places));
    out.index_copy_(0, tokens, merged_out);
    lse.index_copy_(0, tokens, merged_lse);
  }
}

void buckets_backward(const std::vector<Bucket>& buckets, const at::Tensor& grad, const at::Tensor& q, const at::Tensor& k,
                  const at::Tensor& v, const at::Tensor& out, const at::Tensor& lse, double scale,
                  SegmentGradients to) {
  for (const Bucket& bucket : buckets) {
    const at::Tensor all = index(bucket.gather, q), places = index(bucket.places, q), tokens = index(bucket.tokens, q);
    // Padding has gradient 0, so it adds nothing to what it repeats.
    at::Tensor padded = at::zeros({bucket.rows * bucket.length, q.size(1), q.size(2)}, grad.options());
    padded.index_copy_(0, places, grad.index_select(0, tokens));
    padded = padded.view({bucket.rows, bucket.length, q.size(1), q.size(2)}).transpose(1, 2);
    const Partial merged{gather(out, bucket, all), gather(lse, bucket, all)};
    const SegmentGradients own = segment_backward(padded, gather(q, bucket, all), gather(k, bucket, all),
                                                  gather(v, bucket, all), merged, true, scale);
    to.q.index_add_(0, tokens, scatter(own.q, places));
    to.k.index_copy_(0, tokens, scatter(own.k, places));
    to.v.index_copy_(0, tokens, scatter(own.v, places));
  }
}

}  // namespace golong::nn
