// The elementwise parts of a layer on the CPU, each in one pass over memory: rows of dense float32. Callers share rows
// out to threads; a row's numbers depend on nothing but the row.
#pragma once
#include <cstdint>
#include <vector>

namespace golong::nn {

// y = x / rms(x) * weight for rows [count, width]; `inverse` [count] gets 1 / rms(x).
void rms_norm_rows(const float* x, const float* weight, int64_t count, int64_t width, float epsilon, float* y,
                   float* inverse);

// The gradient to x, and the one to the weight added to grad_weight [width].
void rms_norm_rows_backward(const float* grad, const float* x, const float* weight, const float* inverse, int64_t count,
                            int64_t width, float* grad_x, float* grad_weight);

// Rotates `heads` rows of [width] by one position's cos and sin [width], halves paired; direction -1 turns back.
void rotate_rows(const float* x, const float* cos, const float* sin, int64_t heads, int64_t width, float direction,
                 float* y);

// y = silu(gate) * up, element by element.
void swiglu_row(const float* gate, const float* up, int64_t count, float* y);
void swiglu_row_backward(const float* grad, const float* gate, const float* up, int64_t count, float* grad_gate,
                         float* grad_up);

// The distribution softmax(logits * scale) of one row, or of a part of it.
struct RowLogprob {
  double entropy;     // natural logarithm
  double normalizer;  // log of the sum of exp(logits * scale)
};
RowLogprob logprob_row(const float* logits, int64_t count, float scale);

// Replaces logits by their gradient: grad times the one of the target's log-probability, grad_entropy times the one of
// the entropy. `row` is that of the whole row; a target that is not in this part is negative or at least `count`.
void logprob_row_backward(float* logits, int64_t count, int64_t target, float scale, const RowLogprob& row, float grad,
                          float grad_entropy);

// All of them for each instruction set that this machine has, the one that is used first; for tests.
struct RowKernels {
  decltype(&rms_norm_rows) rms_norm;
  decltype(&rms_norm_rows_backward) rms_norm_backward;
  decltype(&rotate_rows) rotate;
  decltype(&swiglu_row) swiglu;
  decltype(&swiglu_row_backward) swiglu_backward;
  decltype(&logprob_row) logprob;
  decltype(&logprob_row_backward) logprob_backward;
};
std::vector<RowKernels> row_kernel_versions();

}  // namespace golong::nn
