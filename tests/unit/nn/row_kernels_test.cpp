// Each kernel in the version of every instruction set that this machine has, against plain loops in double.
#include "core/nn/row_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace golong::nn {
namespace {

using Row = std::vector<float>;

Row random_row(int64_t size, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  Row row(size);
  for (float& x : row) x = 3 * normal(generator);
  return row;
}

constexpr double kTolerance = 2e-6;

// Widths around the number of lanes, and one of several parts.
class RowKernelWidths : public ::testing::TestWithParam<int64_t> {
 protected:
  const int64_t width = GetParam();
  const Row a = random_row(width, 1), b = random_row(width, 2), c = random_row(width, 3);
};

TEST_P(RowKernelWidths, RmsNorm) {
  double squares = 0, along = 0;
  for (float x : a) squares += static_cast<double>(x) * x;
  const double scale = 1 / std::sqrt(squares / static_cast<double>(width) + 1e-6);
  for (int64_t i = 0; i < width; ++i) along += static_cast<double>(c[i]) * b[i] * a[i];
  along *= scale * scale * scale / static_cast<double>(width);
  for (const RowKernels& kernels : row_kernel_versions()) {
    Row y(width), grad_x(width), grad_weight(width, 1);
    float inverse = 0;
    kernels.rms_norm(a.data(), b.data(), 1, width, 1e-6f, y.data(), &inverse);
    kernels.rms_norm_backward(c.data(), a.data(), b.data(), &inverse, 1, width, grad_x.data(), grad_weight.data());
    for (int64_t i = 0; i < width; ++i) {
      EXPECT_NEAR(y[i], a[i] * scale * b[i], kTolerance * (1 + std::abs(y[i])));
      EXPECT_NEAR(grad_x[i], c[i] * b[i] * scale - a[i] * along, 10 * kTolerance * (1 + std::abs(grad_x[i])));
      EXPECT_NEAR(grad_weight[i], 1 + c[i] * a[i] * scale, 10 * kTolerance * (1 + std::abs(grad_weight[i])));
    }
  }
}

// Two heads; the width is that of a half.
TEST_P(RowKernelWidths, Rotate) {
  const Row x = random_row(4 * width, 4);
  Row cos(2 * width), sin(2 * width);
  for (int64_t i = 0; i < 2 * width; ++i) {
    cos[i] = std::cos(c[i % width]);
    sin[i] = std::sin(c[i % width]);
  }
  for (const RowKernels& kernels : row_kernel_versions()) {
    Row y(4 * width), back(4 * width);
    kernels.rotate(x.data(), cos.data(), sin.data(), 2, 2 * width, 1, y.data());
    kernels.rotate(y.data(), cos.data(), sin.data(), 2, 2 * width, -1, back.data());
    for (int64_t head = 0; head < 2; ++head) {
      for (int64_t i = 0; i < width; ++i) {
        const int64_t first = 2 * head * width + i, second = first + width;
        EXPECT_NEAR(y[first], x[first] * cos[i] - x[second] * sin[i], 10 * kTolerance);
        EXPECT_NEAR(y[second], x[second] * cos[i] + x[first] * sin[i], 10 * kTolerance);
      }
    }
    for (int64_t i = 0; i < 4 * width; ++i) EXPECT_NEAR(back[i], x[i], 10 * kTolerance);
  }
}

TEST_P(RowKernelWidths, Swiglu) {
  for (const RowKernels& kernels : row_kernel_versions()) {
    Row y(width), grad_gate(width), grad_up(width);
    kernels.swiglu(a.data(), b.data(), width, y.data());
    kernels.swiglu_backward(c.data(), a.data(), b.data(), width, grad_gate.data(), grad_up.data());
    for (int64_t i = 0; i < width; ++i) {
      const double s = 1 / (1 + std::exp(-static_cast<double>(a[i])));
      EXPECT_NEAR(y[i], a[i] * s * b[i], kTolerance * (1 + std::abs(y[i])));
      EXPECT_NEAR(grad_up[i], c[i] * a[i] * s, kTolerance * (1 + std::abs(grad_up[i])));
      EXPECT_NEAR(grad_gate[i], c[i] * b[i] * s * (1 + a[i] * (1 - s)), kTolerance * (1 + std::abs(grad_gate[i])));
    }
  }
}

TEST_P(RowKernelWidths, Logprob) {
  const float scale = 0.7f, grad = 1.5f;
  const int64_t target = width / 2;
  double sum = 0, entropy = 0;
  for (float x : a) sum += std::exp(static_cast<double>(x) * scale);
  const double normalizer = std::log(sum);
  for (float x : a) {
    const double logprob = static_cast<double>(x) * scale - normalizer;
    entropy -= std::exp(logprob) * logprob;
  }
  for (const RowKernels& kernels : row_kernel_versions()) {
    const RowLogprob row = kernels.logprob(a.data(), width, scale);
    EXPECT_NEAR(row.normalizer, normalizer, 1e-5);
    EXPECT_NEAR(row.normalizer, normalizer, 1e-5);
    EXPECT_NEAR(row.entropy, entropy, 1e-5);
    for (float grad_entropy : {0.0f, -0.6f}) {
      Row logits = a;
      kernels.logprob_backward(logits.data(), width, target, scale, row, grad, grad_entropy);
      for (int64_t i = 0; i < width; ++i) {
        const double logprob = static_cast<double>(a[i]) * scale - normalizer, probability = std::exp(logprob);
        const double expected = grad * ((i == target) - probability) - grad_entropy * probability * (logprob + entropy);
        EXPECT_NEAR(logits[i], expected * scale, 1e-5);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Widths, RowKernelWidths, ::testing::Values(1, 2, 6, 8, 14, 16, 30, 64, 2500));

}  // namespace
}  // namespace golong::nn
