#include "core/nn/buckets.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace golong::nn {
namespace {

// Some tokens or places, in the order in which they are wanted. Where each follows the one before, as in responses of
// one length, they are a part of the tensor and nothing is copied.
class Chosen {
 public:
  Chosen(const std::vector<int64_t>& ids, at::Device device)
      : first_(ids[0]), count_(static_cast<int64_t>(ids.size())) {
    for (int64_t i = 0; i < count_; ++i) {
      if (ids[static_cast<size_t>(i)] == first_ + i) continue;
      ids_ = at::tensor(ids, at::kLong).to(device);
      break;
    }
  }

  at::Tensor of(const at::Tensor& x) const { return ids_.defined() ? x.index_select(0, ids_) : part(x); }
  void write(const at::Tensor& to, const at::Tensor& rows) const {
    ids_.defined() ? at::Tensor(to).index_copy_(0, ids_, rows) : part(to).copy_(rows);
  }
  void add(const at::Tensor& to, const at::Tensor& rows) const {
    ids_.defined() ? at::Tensor(to).index_add_(0, ids_, rows) : part(to).add_(rows);
  }

 private:
  at::Tensor part(const at::Tensor& x) const { return x.narrow(0, first_, count_); }

  int64_t first_, count_;
  at::Tensor ids_;  // undefined: first_ .. first_ + count_ - 1
};

struct ChosenOfBucket {
  Chosen all, places, tokens;
  ChosenOfBucket(const Bucket& bucket, at::Device device)
      : all(bucket.gather, device), places(bucket.places, device), tokens(bucket.tokens, device) {}
};

// [T, H, ...] gathered into [rows, H, length, ...]
at::Tensor gather(const at::Tensor& x, const Bucket& bucket, const Chosen& all) {
  return all.of(x).unflatten(0, {bucket.rows, bucket.length}).transpose(1, 2);
}

// The inverse for the places that are no padding: [rows, H, length, ...] -> [tokens of the bucket, H, ...]
at::Tensor scatter(const at::Tensor& x, const Chosen& places) { return places.of(x.transpose(1, 2).flatten(0, 1)); }

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
    const ChosenOfBucket chosen(bucket, q.device());
    const Partial own = segment_forward(gather(q, bucket, chosen.all), gather(k, bucket, chosen.all),
                                        gather(v, bucket, chosen.all), true, scale);
    at::Tensor merged_out = chosen.tokens.of(out), merged_lse = chosen.tokens.of(lse);
    merge_rows(merged_out, merged_lse, scatter(own.out, chosen.places), scatter(own.lse, chosen.places));
    chosen.tokens.write(out, merged_out);
    chosen.tokens.write(lse, merged_lse);
  }
}

void buckets_backward(const std::vector<Bucket>& buckets, const at::Tensor& grad, const at::Tensor& q,
                      const at::Tensor& k, const at::Tensor& v, const at::Tensor& out, const at::Tensor& lse,
                      double scale, SegmentGradients to) {
  for (const Bucket& bucket : buckets) {
    const ChosenOfBucket chosen(bucket, q.device());
    at::Tensor padded = chosen.tokens.of(grad);
    if (bucket.places.size() < bucket.gather.size()) {
      // Padding has gradient 0, so it adds nothing to what it repeats.
      const at::Tensor places = at::zeros({bucket.rows * bucket.length, q.size(1), q.size(2)}, grad.options());
      chosen.places.write(places, padded);
      padded = places;
    }
    padded = padded.view({bucket.rows, bucket.length, q.size(1), q.size(2)}).transpose(1, 2);
    const Partial merged{gather(out, bucket, chosen.all), gather(lse, bucket, chosen.all)};
    const SegmentGradients own = segment_backward(padded, gather(q, bucket, chosen.all), gather(k, bucket, chosen.all),
                                                  gather(v, bucket, chosen.all), merged, true, scale);
    chosen.tokens.add(to.q, scatter(own.q, chosen.places));
    chosen.tokens.write(to.k, scatter(own.k, chosen.places));
    chosen.tokens.write(to.v, scatter(own.v, chosen.places));
  }
}

}  // namespace golong::nn
