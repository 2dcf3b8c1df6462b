// The vector code of attention on the CPU (core/nn/segment_kernel.h): what happens between one panel of rows, which lie
// in the lanes of two vectors, and a tile of keys. All matrices are float32; [a][b] is a rows of b numbers each.
#pragma once
#include <cstdint>
#include <vector>

namespace golong::nn {

// One panel: `width` rows (two vectors), of which each sees keys 0 .. seen - 1. Keys below `whole` are seen by all.
struct PanelRows {
  const int32_t* seen;  // [width]
  int64_t whole;
};

// Keys begin .. begin + count - 1 of a head. Their number may be rounded up to a multiple of kKeyBlock.
struct KeyTile {
  int64_t begin, count;
  int64_t dim;     // a multiple of kDimBlock
  const float* k;  // [keys][dim], from `begin` on
  const float* v;
};

// A matrix of keys by rows; consecutive keys are `step` floats apart.
struct KeyRows {
  float* data;
  int64_t step;
};

// scores[key][row] = k . q, minus infinity where a row does not see the key; highest[row] becomes the highest of all so
// far. q [dim][width].
void score_panel(const PanelRows& rows, const KeyTile& keys, const float* q, const KeyRows& scores, float* highest);

// scores become 2^(scores - highest), or 0 where the key is not seen. `reference` is the highest of the keys before:
// shrink[row] = 2^(reference - highest), sum = sum * shrink + the new weights, and `reference` becomes `highest`.
void soften_panel(const PanelRows& rows, const KeyTile& keys, const KeyRows& scores, const float* highest,
                  float* reference, float* sum, float* shrink);

// result[d][row] = result * shrink[row] + sum over keys of numbers[key][d] * weights[key][row]. numbers [count][dim].
void gather_panel(const float* numbers, const KeyTile& keys, const KeyRows& weights, const float* shrink,
                  float* result);

// weights[key][row] = 2^(k . q - lse[row]), or 0 where the key is not seen.
void weigh_panel(const PanelRows& rows, const KeyTile& keys, const float* q, const float* lse, const KeyRows& weights);

// grad_scores[key][row] = weights * (v . grad - delta[row]): the gradient of the scores.
void grad_scores_panel(const KeyTile& keys, const float* grad, const float* delta, const KeyRows& weights,
                       const KeyRows& grad_scores);

// to[key][d] += sum over rows of weights[key][row] * numbers[row][d]. numbers [rows][dim], to [count][dim].
void add_to_keys(const KeyRows& weights, const KeyTile& keys, const float* numbers, int64_t rows, float* to);

// to[column][row] = from[row][column] * factor; rows of `from` and `to` are that many floats apart. Numbers of rows and
// columns are multiples of a vector.
void transpose_rows(const float* from, int64_t from_step, int64_t rows, int64_t columns, float factor, float* to,
                    int64_t to_step);

float dot_row(const float* a, const float* b, int64_t count);

// Rows of a panel: two vectors.
int64_t panel_width();

// They for one instruction set.
struct TileKernels {
  int64_t width;  // rows of a panel, two vectors
  decltype(&score_panel) score;
  decltype(&soften_panel) soften;
  decltype(&gather_panel) gather;
  decltype(&weigh_panel) weigh;
  decltype(&grad_scores_panel) grad_scores;
  decltype(&add_to_keys) add;
  decltype(&transpose_rows) transpose;
  decltype(&dot_row) dot;
};
// For each instruction set that this machine has, the one that is used first.
const std::vector<TileKernels>& tile_kernel_versions();

}  // namespace golong::nn
