// The elementwise parts of a layer on the CPU, each in one pass over memory: dense rows of float or, in bfloat16,
// uint16_t, which are read and written as they are and computed in float32. Callers share rows out to threads; a row's
// numbers depend on nothing but the row. What is written may be what was read, in its place.
#pragma once
#include <cstdint>
#include <vector>

namespace golong::nn {

// y = x / rms(x) * weight for rows [count, width]; `inverse` [count] gets 1 / rms(x).
template <class Number>
void rms_norm_rows(const Number* x, const Number* weight, int64_t count, int64_t width, float epsilon, Number* y,
                   float* inverse);

// The gradient to x, and the one to the weight added to grad_weight [width].
template <class Number>
void rms_norm_rows_backward(const Number* grad, const Number* x, const Number* weight, const float* inverse,
                            int64_t count, int64_t width, Number* grad_x, float* grad_weight);

// Rotates `heads` rows of [width] by one position's cos and sin [width], halves paired; direction -1 turns back.
template <class Number>
void rotate_rows(const Number* x, const float* cos, const float* sin, int64_t heads, int64_t width, float direction,
                 Number* y);

// y = a + b, element by element.
template <class Number>
void add_row(const Number* a, const Number* b, int64_t count, Number* y);

// y = silu(gate) * up, element by element.
template <class Number>
void swiglu_row(const Number* gate, const Number* up, int64_t count, Number* y);
template <class Number>
void swiglu_row_backward(const Number* grad, const Number* gate, const Number* up, int64_t count, Number* grad_gate,
                         Number* grad_up);

// The distribution softmax(logits * scale) of one row, or of a part of it.
struct RowLogprob {
  double entropy;     // natural logarithm
  double normalizer;  // log of the sum of exp(logits * scale)
};
template <class Number>
RowLogprob logprob_row(const Number* logits, int64_t count, float scale);

// Replaces logits by their gradient: grad times the one of the target's log-probability, grad_entropy times the one of
// the entropy. `row` is that of the whole row; a target that is not in this part is negative or at least `count`.
template <class Number>
void logprob_row_backward(Number* logits, int64_t count, int64_t target, float scale, const RowLogprob& row, float grad,
                          float grad_entropy);

// All of them for each instruction set that this machine has, the one that is used first; for tests.
template <class Number>
struct RowKernels {
  decltype(&rms_norm_rows<Number>) rms_norm;
  decltype(&rms_norm_rows_backward<Number>) rms_norm_backward;
  decltype(&rotate_rows<Number>) rotate;
  decltype(&add_row<Number>) add;
  decltype(&swiglu_row<Number>) swiglu;
  decltype(&swiglu_row_backward<Number>) swiglu_backward;
  decltype(&logprob_row<Number>) logprob;
  decltype(&logprob_row_backward<Number>) logprob_backward;
};
template <class Number>
std::vector<RowKernels<Number>> row_kernel_versions();

}  // namespace golong::nn
