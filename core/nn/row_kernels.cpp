#include "core/nn/row_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/nn/vector_math.h"

namespace golong::nn {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

namespace kernel {

// Calls body(i, valid) for each vector of a row: its first `valid` lanes are in the row.
template <int Lanes, class Body>
GOLONG_INLINE void each_vector(int64_t count, const Body& body) {
  int64_t i = 0;
  for (; i + Lanes <= count; i += Lanes) body(i, Lanes);
  if (i < count) body(i, count - i);
}

template <int Lanes>
GOLONG_INLINE void load_up_to(const float* from, int64_t valid, float fill, Floats<Lanes>& to) {
  if (valid == Lanes) {
    load(from, to);
  } else {
    load_part<Lanes>(from, valid, fill, to);
  }
}

template <int Lanes>
GOLONG_INLINE void store_up_to(const Floats<Lanes>& from, int64_t valid, float* to) {
  if (valid == Lanes) {
    store(from, to);
  } else {
    for (int64_t i = 0; i < valid; ++i) to[i] = from[i];
  }
}

template <int Lanes>
GOLONG_INLINE void rms_norm_rows(const float* x, const float* weight, int64_t count, int64_t width, float epsilon,
                                 float* y, float* inverse) {
  for (int64_t row = 0; row < count; ++row, x += width, y += width) {
    Floats<Lanes> squares = {}, v, w;
    each_vector<Lanes>(
        width, [&](int64_t i, int64_t valid) __attribute__((always_inline)) {
          load_up_to<Lanes>(x + i, valid, 0, v);
          squares += v * v;
        });
    const float scale = 1 / std::sqrt(sum_of<Lanes>(squares) / static_cast<float>(width) + epsilon);
    inverse[row] = scale;
    each_vector<Lanes>(
        width, [&](int64_t i, int64_t valid) __attribute__((always_inline)) {
          load_up_to<Lanes>(x + i, valid, 0, v);
          load_up_to<Lanes>(weight + i, valid, 0, w);
          store_up_to<Lanes>(v * scale * w, valid, y + i);
        });
  }
}

// With s = 1 / rms(x): d y_j / d x_i = s w_j (onehot_ij - s^2 x_i x_j / width).
template <int Lanes>
GOLONG_INLINE void rms_norm_rows_backward(const float* grad, const float* x, const float* weight, const float* inverse,
                                          int64_t count, int64_t width, float* grad_x, float* grad_weight) {
  for (int64_t row = 0; row < count; ++row, grad += width, x += width, grad_x += width) {
    const float scale = inverse[row];
    Floats<Lanes> sum = {}, g, v, w, total;
    each_vector<Lanes>(
        width, [&](int64_t i, int64_t valid) __attribute__((always_inline)) {
          load_up_to<Lanes>(grad + i, valid, 0, g);
          load_up_to<Lanes>(x + i, valid, 0, v);
          load_up_to<Lanes>(weight + i, valid, 0, w);
          load_up_to<Lanes>(grad_weight + i, valid, 0, total);
          sum += g * w * v;
          store_up_to<Lanes>(total + g * v * scale, valid, grad_weight + i);
        });
    const float along = sum_of<Lanes>(sum) * scale * scale * scale / static_cast<float>(width);
    each_vector<Lanes>(
        width, [&](int64_t i, int64_t valid) __attribute__((always_inline)) {
          load_up_to<Lanes>(grad + i, valid, 0, g);
          load_up_to<Lanes>(x + i, valid, 0, v);
          load_up_to<Lanes>(weight + i, valid, 0, w);
          store_up_to<Lanes>(g * w * scale - v * along, valid, grad_x + i);
        });
  }
}

template <int Lanes>
GOLONG_INLINE void rotate_rows(const float* x, const float* cos, const float* sin, int64_t heads, int64_t width,
                               float direction, float* y) {
  const int64_t half = width / 2;
  for (int64_t head = 0; head < heads; ++head, x += width, y += width) {
    each_vector<Lanes>(
        half, [&](int64_t i, int64_t valid) __attribute__((always_inline)) {
          Floats<Lanes> a, b, c, s;
          load_up_to<Lanes>(x + i, valid, 0, a);
          load_up_to<Lanes>(x + half + i, valid, 0, b);
          load_up_to<Lanes>(cos + i, valid, 0, c);
          load_up_to<Lanes>(sin + i, valid, 0, s);
          s *= direction;
          store_up_to<Lanes>(a * c - b * s, valid, y + i);
          store_up_to<Lanes>(b * c + a * s, valid, y + half + i);
        });
  }
}

// 1 / (1 + exp(-x)); exp of what is not positive, so that nothing overflows.
template <int Lanes>
GOLONG_INLINE void sigmoid(const Floats<Lanes>& x, Floats<Lanes>& result) {
  Floats<Lanes> e = x < 0.0f ? x : -x;
  exp_in_place<Lanes>(e);
  Floats<Lanes> top = x < 0.0f ? e : Floats<Lanes>{} + 1.0f;
  result = top / (1.0f + e);
}

template <int Lanes>
GOLONG_INLINE void swiglu_row(const float* gate, const float* up, int64_t count, float* y) {
  each_vector<Lanes>(
      count, [&](int64_t i, int64_t valid) __attribute__((always_inline)) {
        Floats<Lanes> g, u, s;
        load_up_to<Lanes>(gate + i, valid, 0, g);
        load_up_to<Lanes>(up + i, valid, 0, u);
        sigmoid<Lanes>(g, s);
        store_up_to<Lanes>(g * s * u, valid, y + i);
      });
}

template <int Lanes>
GOLONG_INLINE void swiglu_row_backward(const float* grad, const float* gate, const float* up, int64_t count,
                                       float* grad_gate, float* grad_up) {
  each_vector<Lanes>(
      count, [&](int64_t i, int64_t valid) __attribute__((always_inline)) {
        Floats<Lanes> d, g, u, s;
        load_up_to<Lanes>(grad + i, valid, 0, d);
        load_up_to<Lanes>(gate + i, valid, 0, g);
        load_up_to<Lanes>(up + i, valid, 0, u);
        sigmoid<Lanes>(g, s);
        store_up_to<Lanes>(d * g * s, valid, grad_up + i);
        store_up_to<Lanes>(d * u * s * (1.0f + g * (1.0f - s)), valid, grad_gate + i);
      });
}

// Sums in float32 over parts of the row, the parts in double: vocabularies have 150,000 entries.
template <int Lanes>
GOLONG_INLINE RowLogprob logprob_row(const float* logits, int64_t count, float scale) {
  constexpr int64_t kPart = 1024;
  Floats<Lanes> top = Floats<Lanes>{} + kMinusInfinity, x;
  each_vector<Lanes>(
      count, [&](int64_t i, int64_t valid) __attribute__((always_inline)) {
        load_up_to<Lanes>(logits + i, valid, kMinusInfinity, x);
        top = x > top ? x : top;
      });
  const float highest = highest_of<Lanes>(top);
  double sum = 0, weighted = 0;  // of e^x and x e^x, x = (logit - highest) * scale
  for (int64_t start = 0; start < count; start += kPart) {
    Floats<Lanes> part = {}, part_weighted = {}, e;
    each_vector<Lanes>(
        std::min(kPart, count - start), [&](int64_t i, int64_t valid) __attribute__((always_inline)) {
          load_up_to<Lanes>(logits + start + i, valid, kMinusInfinity, x);
          x = (x - highest) * scale;
          x = x < -100.0f ? Floats<Lanes>{} - 100.0f : x;  // e^x is 0 there, and 0 times infinity is not
          e = x;
          exp_in_place<Lanes>(e);
          part += e;
          part_weighted += e * x;
        });
    sum += static_cast<double>(sum_of<Lanes>(part));
    weighted += static_cast<double>(sum_of<Lanes>(part_weighted));
  }
  const double shifted = std::log(sum);
  return {shifted - weighted / sum, shifted + static_cast<double>(highest) * scale};
}

// With p = softmax and H its entropy: d log p_target / d x_i = onehot_i - p_i, d H / d x_i = -p_i (log p_i + H).
template <int Lanes>
GOLONG_INLINE void logprob_row_backward(float* logits, int64_t count, int64_t target, float scale,
                                        const RowLogprob& row, float grad, float grad_entropy) {
  const auto normalizer = static_cast<float>(row.normalizer), entropy = static_cast<float>(row.entropy);
  each_vector<Lanes>(
      count, [&](int64_t i, int64_t valid) __attribute__((always_inline)) {
        Floats<Lanes> x, p;
        load_up_to<Lanes>(logits + i, valid, kMinusInfinity, x);
        x = x * scale - normalizer;
        p = x;
        exp_in_place<Lanes>(p);
        x = x < -100.0f ? Floats<Lanes>{} - 100.0f : x;  // p is 0 there, and 0 times infinity is not
        store_up_to<Lanes>(p * ((-grad - grad_entropy * (x + entropy)) * scale), valid, logits + i);
      });
  if (target >= 0 && target < count) logits[target] += grad * scale;
}

}  // namespace kernel
}  // namespace

GOLONG_VERSIONS(void, rms_norm_rows,
                (const float* x, const float* weight, int64_t count, int64_t width, float epsilon, float* y,
                 float* inverse),
                (x, weight, count, width, epsilon, y, inverse))

GOLONG_VERSIONS(void, rms_norm_rows_backward,
                (const float* grad, const float* x, const float* weight, const float* inverse, int64_t count,
                 int64_t width, float* grad_x, float* grad_weight),
                (grad, x, weight, inverse, count, width, grad_x, grad_weight))

GOLONG_VERSIONS(void, rotate_rows,
                (const float* x, const float* cos, const float* sin, int64_t heads, int64_t width, float direction,
                 float* y),
                (x, cos, sin, heads, width, direction, y))

GOLONG_VERSIONS(void, swiglu_row, (const float* gate, const float* up, int64_t count, float* y), (gate, up, count, y))

GOLONG_VERSIONS(void, swiglu_row_backward,
                (const float* grad, const float* gate, const float* up, int64_t count, float* grad_gate,
                 float* grad_up),
                (grad, gate, up, count, grad_gate, grad_up))

GOLONG_VERSIONS(RowLogprob, logprob_row, (const float* logits, int64_t count, float scale), (logits, count, scale))

GOLONG_VERSIONS(void, logprob_row_backward,
                (float* logits, int64_t count, int64_t target, float scale, const RowLogprob& row, float grad,
                 float grad_entropy),
                (logits, count, target, scale, row, grad, grad_entropy))

std::vector<RowKernels> row_kernel_versions() {
  const auto rms_norm = GOLONG_RUNNABLE_VERSIONS(rms_norm_rows);
  const auto rms_norm_backward = GOLONG_RUNNABLE_VERSIONS(rms_norm_rows_backward);
  const auto rotate = GOLONG_RUNNABLE_VERSIONS(rotate_rows);
  const auto swiglu = GOLONG_RUNNABLE_VERSIONS(swiglu_row);
  const auto swiglu_backward = GOLONG_RUNNABLE_VERSIONS(swiglu_row_backward);
  const auto logprob = GOLONG_RUNNABLE_VERSIONS(logprob_row);
  const auto logprob_backward = GOLONG_RUNNABLE_VERSIONS(logprob_row_backward);
  std::vector<RowKernels> versions;
  for (size_t i = 0; i < rms_norm.size(); ++i) {
    versions.push_back(
        {rms_norm[i], rms_norm_backward[i], rotate[i], swiglu[i], swiglu_backward[i], logprob[i], logprob_backward[i]});
  }
  return versions;
}

}  // namespace golong::nn
