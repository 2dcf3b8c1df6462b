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
GOLONG_INLINE void load_up_to(const uint16_t* from, int64_t valid, float fill, Floats<Lanes>& to) {
  if (valid == Lanes) {
    widen<Lanes>(from, to);
  } else {
    uint16_t all[Lanes] = {};
    std::copy_n(from, valid, all);
    widen<Lanes>(all, to);
    for (int64_t i = valid; i < Lanes; ++i) to[i] = fill;
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
GOLONG_INLINE void store_up_to(const Floats<Lanes>& from, int64_t valid, uint16_t* to) {
  if (valid == Lanes) {
    narrow<Lanes>(from, to);
  } else {
    uint16_t all[Lanes];
    narrow<Lanes>(from, all);
    std::copy_n(all, valid, to);
  }
}

template <int Lanes, class Number>
GOLONG_INLINE void rms_norm_rows(const Number* x, const Number* weight, int64_t count, int64_t width, float epsilon,
                                 Number* y, float* inverse) {
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
template <int Lanes, class Number>
GOLONG_INLINE void rms_norm_rows_backward(const Number* grad, const Number* x, const Number* weight,
                                          const float* inverse, int64_t count, int64_t width, Number* grad_x,
                                          float* grad_weight) {
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

template <int Lanes, class Number>
GOLONG_INLINE void rotate_rows(const Number* x, const float* cos, const float* sin, int64_t heads, int64_t width,
                               float direction, Number* y) {
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

template <int Lanes, class Number>
GOLONG_INLINE void add_row(const Number* a, const Number* b, int64_t count, Number* y) {
  each_vector<Lanes>(
      count, [&](int64_t i, int64_t valid) __attribute__((always_inline)) {
        Floats<Lanes> u, v;
        load_up_to<Lanes>(a + i, valid, 0, u);
        load_up_to<Lanes>(b + i, valid, 0, v);
        store_up_to<Lanes>(u + v, valid, y + i);
      });
}

// 1 / (1 + exp(-x)); exp of what is not positive, so that nothing overflows.
template <int Lanes>
GOLONG_INLINE void sigmoid(const Floats<Lanes>& x, Floats<Lanes>& result) {
  Floats<Lanes> e = x < 0.0f ? x : -x;
  exp_in_place<Lanes>(e);
  Floats<Lanes> top = x < 0.0f ? e : Floats<Lanes>{} + 1.0f;
  result = top / (1.0f + e);
}

template <int Lanes, class Number>
GOLONG_INLINE void swiglu_row(const Number* gate, const Number* up, int64_t count, Number* y) {
  each_vector<Lanes>(
      count, [&](int64_t i, int64_t valid) __attribute__((always_inline)) {
        Floats<Lanes> g, u, s;
        load_up_to<Lanes>(gate + i, valid, 0, g);
        load_up_to<Lanes>(up + i, valid, 0, u);
        sigmoid<Lanes>(g, s);
        store_up_to<Lanes>(g * s * u, valid, y + i);
      });
}

template <int Lanes, class Number>
GOLONG_INLINE void swiglu_row_backward(const Number* grad, const Number* gate, const Number* up, int64_t count,
                                       Number* grad_gate, Number* grad_up) {
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
template <int Lanes, class Number>
GOLONG_INLINE RowLogprob logprob_row(const Number* logits, int64_t count, float scale) {
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
template <int Lanes, class Number>
GOLONG_INLINE void logprob_row_backward(Number* logits, int64_t count, int64_t target, float scale,
                                        const RowLogprob& row, float grad, float grad_entropy) {
  const auto normalizer = static_cast<float>(row.normalizer), entropy = static_cast<float>(row.entropy);
  const auto replace = [&](int64_t i, int64_t valid, float chosen) __attribute__((always_inline)) {
    Floats<Lanes> x, p;
    load_up_to<Lanes>(logits + i, valid, kMinusInfinity, x);
    x = x * scale - normalizer;
    p = x;
    exp_in_place<Lanes>(p);
    x = x < -100.0f ? Floats<Lanes>{} - 100.0f : x;  // p is 0 there, and 0 times infinity is not
    store_up_to<Lanes>(p * ((-grad - grad_entropy * (x + entropy)) * scale) + chosen, valid, logits + i);
  };
  const bool inside = target >= 0 && target < count;
  const Number own = inside ? logits[target] : Number{};
  each_vector<Lanes>(
      count, [&](int64_t i, int64_t valid) __attribute__((always_inline)) { replace(i, valid, 0); });
  if (!inside) return;
  logits[target] = own;
  replace(target, 1, grad * scale);
}

}  // namespace kernel
}  // namespace

GOLONG_TYPED_VERSIONS(void, rms_norm_rows,
                      (const Number* x, const Number* weight, int64_t count, int64_t width, float epsilon, Number* y,
                       float* inverse),
                      (x, weight, count, width, epsilon, y, inverse))

GOLONG_TYPED_VERSIONS(void, rms_norm_rows_backward,
                      (const Number* grad, const Number* x, const Number* weight, const float* inverse, int64_t count,
                       int64_t width, Number* grad_x, float* grad_weight),
                      (grad, x, weight, inverse, count, width, grad_x, grad_weight))

GOLONG_TYPED_VERSIONS(void, rotate_rows,
                      (const Number* x, const float* cos, const float* sin, int64_t heads, int64_t width,
                       float direction, Number* y),
                      (x, cos, sin, heads, width, direction, y))

GOLONG_TYPED_VERSIONS(void, add_row, (const Number* a, const Number* b, int64_t count, Number* y), (a, b, count, y))

GOLONG_TYPED_VERSIONS(void, swiglu_row, (const Number* gate, const Number* up, int64_t count, Number* y),
                      (gate, up, count, y))

GOLONG_TYPED_VERSIONS(void, swiglu_row_backward,
                      (const Number* grad, const Number* gate, const Number* up, int64_t count, Number* grad_gate,
                       Number* grad_up),
                      (grad, gate, up, count, grad_gate, grad_up))

GOLONG_TYPED_VERSIONS(RowLogprob, logprob_row, (const Number* logits, int64_t count, float scale),
                      (logits, count, scale))

GOLONG_TYPED_VERSIONS(void, logprob_row_backward,
                      (Number * logits, int64_t count, int64_t target, float scale, const RowLogprob& row, float grad,
                       float grad_entropy),
                      (logits, count, target, scale, row, grad, grad_entropy))

// NOLINTBEGIN(bugprone-macro-parentheses): a template's name cannot stand in any
#define GOLONG_INSTANTIATE(name)              \
  template decltype(name<float>) name<float>; \
  template decltype(name<uint16_t>) name<uint16_t>
GOLONG_INSTANTIATE(rms_norm_rows);
GOLONG_INSTANTIATE(rms_norm_rows_backward);
GOLONG_INSTANTIATE(rotate_rows);
GOLONG_INSTANTIATE(add_row);
GOLONG_INSTANTIATE(swiglu_row);
GOLONG_INSTANTIATE(swiglu_row_backward);
GOLONG_INSTANTIATE(logprob_row);
GOLONG_INSTANTIATE(logprob_row_backward);
#undef GOLONG_INSTANTIATE
// NOLINTEND(bugprone-macro-parentheses)

template <class Number>
std::vector<RowKernels<Number>> row_kernel_versions() {
  const auto rms_norm = GOLONG_RUNNABLE_TYPED_VERSIONS(rms_norm_rows);
  const auto rms_norm_backward = GOLONG_RUNNABLE_TYPED_VERSIONS(rms_norm_rows_backward);
  const auto rotate = GOLONG_RUNNABLE_TYPED_VERSIONS(rotate_rows);
  const auto add = GOLONG_RUNNABLE_TYPED_VERSIONS(add_row);
  const auto swiglu = GOLONG_RUNNABLE_TYPED_VERSIONS(swiglu_row);
  const auto swiglu_backward = GOLONG_RUNNABLE_TYPED_VERSIONS(swiglu_row_backward);
  const auto logprob = GOLONG_RUNNABLE_TYPED_VERSIONS(logprob_row);
  const auto logprob_backward = GOLONG_RUNNABLE_TYPED_VERSIONS(logprob_row_backward);
  std::vector<RowKernels<Number>> versions;
  for (size_t i = 0; i < rms_norm.size(); ++i) {
    versions.push_back({rms_norm[i], rms_norm_backward[i], rotate[i], add[i], swiglu[i], swiglu_backward[i], logprob[i],
                        logprob_backward[i]});
  }
  return versions;
}

template std::vector<RowKernels<float>> row_kernel_versions();
template std::vector<RowKernels<uint16_t>> row_kernel_versions();

}  // namespace golong::nn
