// Attention of segments on the CPU: what one thread does at a time. Queries lie in the lanes of vectors, so
// that the softmax of each needs no sums across lanes; softmax is in powers of two.
//
// A row is one query: row r is head r % share of token r / share, of the `share` query heads of one head of keys. So
// rows that follow each other need nearly the same keys, and each key that is read serves all of them.
#pragma once
#include <cstdint>

#include "core/nn/tile_kernels.h"

namespace golong::nn {

constexpr int64_t kTileRows = 64;   // rows that are computed together
constexpr int64_t kTileKeys = 128;  // keys that they meet at once
constexpr int64_t kKeyBlock = 8;    // keys are filled up to a multiple of this
constexpr int64_t kDimBlock = 32;   // dimensions likewise

// Where rows lie: strides of a token and of a head, in floats; the numbers of a row are dense.
template <class T>
struct RowView {
  T* data;
  int64_t token, head;
};

// One head of keys, and the query heads that share it.
struct HeadShape {
  int64_t rows, share, head_dim;
  int64_t keys;
  int64_t dim;  // head_dim filled up to a multiple of kDimBlock
  bool causal;  // a query of token t sees keys 0 .. before + t
  int64_t before = 0;
};

// Its numbers, of type float or, in bfloat16, uint16_t.
template <class Number>
struct SegmentHead {
  HeadShape shape;
  float scale;          // of scores
  const Number *k, *v;  // [keys filled up, dim], dense, what is filled up being 0
  RowView<const Number> q;
};

// What the rows of a head do to the keys begin .. end - 1 (begin a multiple of kTileKeys), and get back from them.
template <class Number>
struct SegmentPart {
  SegmentHead<Number> head;
  int64_t begin, end;
  RowView<const Number> grad, out;  // out and lse of all segments merged
  RowView<const float> lse;
  float *grad_k, *grad_v;  // like head.k and head.v; added to
  RowView<float> grad_q;   // of this part alone; written
};

// Floats that a thread needs for itself, aligned to 64 bytes, for heads of this `dim`.
int64_t forward_scratch(int64_t dim);
int64_t backward_scratch(int64_t dim);

// Computes rows first .. first + kTileRows - 1, as far as there are. lse has one number in a row.
void forward_tile(const SegmentHead<float>& head, int64_t first, const RowView<float>& out, const RowView<float>& lse,
                  const TileKernels& kernels, float* scratch);
void backward_tile(const SegmentPart<float>& part, int64_t first, const TileKernels& kernels, float* scratch);

}  // namespace golong::nn
