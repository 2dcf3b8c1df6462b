// Each kernel in the version of every instruction set that this machine has, against plain loops in double.
#include "core/nn/row_kernels.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <bit>
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
  for (const auto& kernels : row_kernel_versions<float>()) {
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
  for (const auto& kernels : row_kernel_versions<float>()) {
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

TEST_P(RowKernelWidths, Add) {
  for (const auto& kernels : row_kernel_versions<float>()) {
    Row y = a;
    kernels.add(y.data(), b.data(), width, y.data());  // in its place
    for (int64_t i = 0; i < width; ++i) EXPECT_EQ(y[i], a[i] + b[i]);
  }
}

TEST_P(RowKernelWidths, Swiglu) {
  for (const auto& kernels : row_kernel_versions<float>()) {
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
  for (const auto& kernels : row_kernel_versions<float>()) {
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

std::vector<uint16_t> rounded(const Row& row) {
  std::vector<uint16_t> bits;
  for (float x : row) bits.push_back(at::BFloat16(x).x);
  return bits;
}
Row widened(const std::vector<uint16_t>& bits) {
  Row row;
  for (uint16_t x : bits) row.push_back(at::BFloat16(x, at::BFloat16::from_bits()));
  return row;
}

// What is not stored in bfloat16 is the same as in float32; what is stored is that, rounded.
TEST_P(RowKernelWidths, BFloat16IsFloat32Rounded) {
  const std::vector<uint16_t> x = rounded(a), w = rounded(b), g = rounded(c);
  const Row wide_x = widened(x), wide_w = widened(w), wide_g = widened(g);
  const auto narrow = row_kernel_versions<uint16_t>();
  const auto wide = row_kernel_versions<float>();
  ASSERT_EQ(narrow.size(), wide.size());
  for (size_t i = 0; i < narrow.size(); ++i) {
    std::vector<uint16_t> y(width), more(width);
    Row expected(width), expected_more(width), sums(width, 1), expected_sums(width, 1);
    float inverse = 0, expected_inverse = 0;
    narrow[i].rms_norm(x.data(), w.data(), 1, width, 1e-6f, y.data(), &inverse);
    wide[i].rms_norm(wide_x.data(), wide_w.data(), 1, width, 1e-6f, expected.data(), &expected_inverse);
    EXPECT_EQ(y, rounded(expected));
    EXPECT_EQ(inverse, expected_inverse);
    narrow[i].rms_norm_backward(g.data(), x.data(), w.data(), &inverse, 1, width, y.data(), sums.data());
    wide[i].rms_norm_backward(wide_g.data(), wide_x.data(), wide_w.data(), &inverse, 1, width, expected.data(),
                              expected_sums.data());
    EXPECT_EQ(y, rounded(expected));
    EXPECT_EQ(sums, expected_sums);
    if (width % 2 == 0) {
      narrow[i].rotate(x.data(), b.data(), c.data(), 1, width, -1, y.data());
      wide[i].rotate(wide_x.data(), b.data(), c.data(), 1, width, -1, expected.data());
      EXPECT_EQ(y, rounded(expected));
    }
    narrow[i].add(x.data(), w.data(), width, y.data());
    wide[i].add(wide_x.data(), wide_w.data(), width, expected.data());
    EXPECT_EQ(y, rounded(expected));
    narrow[i].swiglu(x.data(), w.data(), width, y.data());
    wide[i].swiglu(wide_x.data(), wide_w.data(), width, expected.data());
    EXPECT_EQ(y, rounded(expected));
    narrow[i].swiglu_backward(g.data(), x.data(), w.data(), width, y.data(), more.data());
    wide[i].swiglu_backward(wide_g.data(), wide_x.data(), wide_w.data(), width, expected.data(), expected_more.data());
    EXPECT_EQ(y, rounded(expected));
    EXPECT_EQ(more, rounded(expected_more));
    const RowLogprob row = narrow[i].logprob(x.data(), width, 0.7f),
                     expected_row = wide[i].logprob(wide_x.data(), width, 0.7f);
    EXPECT_EQ(row.normalizer, expected_row.normalizer);
    EXPECT_EQ(row.entropy, expected_row.entropy);
    y = x;
    expected = wide_x;
    narrow[i].logprob_backward(y.data(), width, width / 2, 0.7f, row, 1.5f, -0.6f);
    wide[i].logprob_backward(expected.data(), width, width / 2, 0.7f, row, 1.5f, -0.6f);
    EXPECT_EQ(y, rounded(expected));
  }
}

// What is written in the place of what was read is what is written elsewhere.
TEST_P(RowKernelWidths, InTheirPlace) {
  for (const auto& kernels : row_kernel_versions<float>()) {
    Row y(width), more(width), sums(width, 1), same_sums(width, 1), in_place = c;
    float inverse = 0;
    kernels.rms_norm(a.data(), b.data(), 1, width, 1e-6f, y.data(), &inverse);
    kernels.rms_norm_backward(c.data(), a.data(), b.data(), &inverse, 1, width, y.data(), sums.data());
    kernels.rms_norm_backward(in_place.data(), a.data(), b.data(), &inverse, 1, width, in_place.data(),
                              same_sums.data());
    EXPECT_EQ(in_place, y);
    EXPECT_EQ(same_sums, sums);
    if (width % 2 == 0) {
      in_place = a;
      kernels.rotate(a.data(), b.data(), c.data(), 1, width, -1, y.data());
      kernels.rotate(in_place.data(), b.data(), c.data(), 1, width, -1, in_place.data());
      EXPECT_EQ(in_place, y);
    }
    Row gate = a, up = b;
    kernels.swiglu_backward(c.data(), a.data(), b.data(), width, y.data(), more.data());
    kernels.swiglu_backward(c.data(), gate.data(), up.data(), width, gate.data(), up.data());
    EXPECT_EQ(gate, y);
    EXPECT_EQ(up, more);
  }
}

// A number that is none stays so, whatever its bits.
TEST(RowKernels, BFloat16KeepsNan) {
  const Row number{std::bit_cast<float>(0x7fffffffu), std::bit_cast<float>(0xffffffffu), INFINITY, 1};
  for (const auto& kernels : row_kernel_versions<uint16_t>()) {
    const std::vector<uint16_t> x = rounded(number), one = rounded({1, 1, 1, 1});
    std::vector<uint16_t> y(4);
    kernels.swiglu(x.data(), one.data(), 4, y.data());
    EXPECT_TRUE(std::isnan(widened(y)[0]) && std::isnan(widened(y)[1]));
    EXPECT_TRUE(std::isinf(widened(y)[2]));
  }
}

INSTANTIATE_TEST_SUITE_P(Widths, RowKernelWidths, ::testing::Values(1, 2, 6, 8, 14, 16, 30, 64, 2500));

}  // namespace
}  // namespace golong::nn
