// The CPU's own attention kernels in the version of each instruction set, against plain attention in float64.
#include "core/nn/cpu_segment.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace golong::nn {
namespace {

struct Shape {
  int64_t batch, heads, kv_heads, queries, keys, dim;
  bool causal;

  std::string name() const {
    return "B " + std::to_string(batch) + " H " + std::to_string(heads) + "/" + std::to_string(kv_heads) + " Tq " +
           std::to_string(queries) + " Tk " + std::to_string(keys) + " D " + std::to_string(dim) +
           (causal ? " causal" : "");
  }
};

struct Inputs {
  at::Tensor q, k, v, grad;

  // Strides as group_attention passes them: tokens before heads, here in a wider tensor.
  Inputs(const Shape& s, uint64_t seed, at::ScalarType type = at::kFloat) {
    at::Generator generator = at::detail::createCPUGenerator(seed);
    const auto make = [&](int64_t heads, int64_t tokens) {
      return at::empty({s.batch, tokens + 3, heads, s.dim + 5}, at::kFloat)
          .normal_(0, 1.2, generator)
          .to(type)
          .narrow(1, 2, tokens)
          .narrow(3, 4, s.dim)
          .transpose(1, 2);
    };
    q = make(s.heads, s.queries);
    k = make(s.kv_heads, s.keys);
    v = make(s.kv_heads, s.keys);
    grad = make(s.heads, s.queries);
  }
};

at::Tensor plain_scores(const at::Tensor& q, const at::Tensor& k, bool causal, double scale) {
  at::Tensor scores = at::matmul(q, k.repeat_interleave(q.size(1) / k.size(1), 1).transpose(2, 3)) * scale;
  if (!causal) return scores;
  const at::Tensor hidden = at::ones({q.size(2), k.size(2)}, at::kBool).triu(1);
  return scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
}

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

// The largest difference, relative to the largest number, or to one that is given.
double difference(const at::Tensor& a, const at::Tensor& b, double size = 0) {
  return largest(a.to(at::kDouble) - b) / (1 + std::max(largest(b), size));
}

at::Tensor leaf(const at::Tensor& x) { return x.to(at::kDouble).requires_grad_(true); }

// What is used for a type where nothing else is said, then the kernels of each instruction set.
std::vector<const TileKernels*> versions() {
  std::vector<const TileKernels*> all{nullptr};
  for (const TileKernels& kernels : tile_kernel_versions()) all.push_back(&kernels);
  return all;
}

void compare(const Shape& shape, uint64_t seed, double tolerance = 3e-6, at::ScalarType type = at::kFloat) {
  const Inputs in(shape, seed, type);
  const double scale = 1 / std::sqrt(static_cast<double>(shape.dim));
  const at::Tensor q = leaf(in.q), k = leaf(in.k), v = leaf(in.v);
  const at::Tensor scores = plain_scores(q, k, shape.causal, scale);
  const at::Tensor expected = at::matmul(at::softmax(scores, -1), v.repeat_interleave(shape.heads / shape.kv_heads, 1));
  expected.backward(in.grad.to(at::kDouble));
  for (const TileKernels* kernels : versions()) {
    SCOPED_TRACE(shape.name() + " width " + std::to_string(kernels ? kernels->width : 0) + " seed " +
                 std::to_string(seed));
    const Partial partial = cpu_segment_forward(in.q, in.k, in.v, shape.causal, scale, kernels);
    ASSERT_EQ(partial.out.sizes(), expected.sizes());
    ASSERT_EQ(partial.out.scalar_type(), type);
    EXPECT_LT(difference(partial.out, expected), tolerance);
    EXPECT_LT(difference(partial.lse, at::logsumexp(scores, {-1})), 3e-6);
    const SegmentGradients g = cpu_segment_backward(in.grad, in.q, in.k, in.v, partial, shape.causal, scale, kernels);
    ASSERT_EQ(g.q.sizes(), q.sizes());
    ASSERT_EQ(g.k.sizes(), k.sizes());
    ASSERT_EQ(g.v.sizes(), v.sizes());
    // Those to q and k are sums whose terms are as large as those to v, and may cancel: they do with a single key.
    const double size = largest(v.grad());
    EXPECT_LT(difference(g.q, q.grad(), size), tolerance) << "gradient of q";
    EXPECT_LT(difference(g.k, k.grad(), size), tolerance) << "gradient of k";
    EXPECT_LT(difference(g.v, v.grad()), tolerance) << "gradient of v";
  }
}

// bfloat16 has eight digits: an output is rounded to 2^-9 of itself, and so are the weights that it is a sum of.
void compare_bfloat16(const Shape& shape, uint64_t seed) { compare(shape, seed, 5e-3, at::kBFloat16); }

template <class Compare>
void compare_random_shapes(uint64_t shapes, const Compare& compare_shape) {
  std::mt19937_64 random(7);
  constexpr std::array<int64_t, 9> kDims = {8, 16, 20, 32, 33, 64, 80, 128, 256};
  constexpr int64_t kHeads[][2] = {{1, 1}, {4, 4}, {6, 3}, {8, 2}, {5, 1}};
  for (uint64_t seed = 0; seed < shapes; ++seed) {
    const auto below = [&](int64_t limit) { return static_cast<int64_t>(random() % limit); };
    const auto [heads, kv_heads] = kHeads[below(5)];
    const auto length = [&] { return 1 + below(std::array<int64_t, 4>{4, 20, 70, 300}[below(4)]); };
    compare_shape({1 + below(3), heads, kv_heads, length(), length(), kDims[below(kDims.size())], below(2) == 1}, seed);
  }
}

TEST(CpuSegment, EqualsPlainAttentionOnRandomShapes) {
  compare_random_shapes(60, [](const Shape& shape, uint64_t seed) { compare(shape, seed); });
}

TEST(CpuSegment, BFloat16EqualsPlainAttentionOnRandomShapes) { compare_random_shapes(60, compare_bfloat16); }

template <class Compare>
void compare_special_shapes(const Compare& compare_shape) {
  for (const bool causal : {false, true}) {
    compare_shape(Shape{1, 1, 1, 1, 1, 8, causal}, 1);
    compare_shape(Shape{1, 2, 1, 1, 500, 64, causal}, 2);     // one query
    compare_shape(Shape{2, 6, 2, 300, 1, 33, causal}, 3);     // one key
    compare_shape(Shape{1, 2, 1, 64, 128, 32, causal}, 4);    // whole tiles
    compare_shape(Shape{1, 3, 1, 65, 129, 32, causal}, 5);    // one more
    compare_shape(Shape{1, 2, 2, 200, 2500, 16, causal}, 6);  // several parts of keys
    compare_shape(Shape{1, 2, 1, 2500, 2300, 16, causal}, 7);
    compare_shape(Shape{40, 2, 2, 17, 17, 20, causal}, 8);  // more heads than parts
  }
}

TEST(CpuSegment, SpecialShapes) {
  compare_special_shapes([](const Shape& shape, uint64_t seed) { compare(shape, seed); });
}

TEST(CpuSegment, BFloat16SpecialShapes) { compare_special_shapes(compare_bfloat16); }

// The gradients of two segments add up to those of the whole, given the merged results.
TEST(CpuSegment, MergedSegmentsHaveTheGradientsOfTheWhole) {
  const Shape shape{2, 4, 2, 70, 301, 24, false};
  const Inputs in(shape, 9);
  constexpr int64_t kFirst = 130;
  const double scale = 0.3;
  for (const TileKernels* kernels : versions()) {
    const Partial whole = cpu_segment_forward(in.q, in.k, in.v, false, scale, kernels);
    const SegmentGradients all = cpu_segment_backward(in.grad, in.q, in.k, in.v, whole, false, scale, kernels);
    const auto of_part = [&](int64_t start, int64_t count) {
      return cpu_segment_backward(in.grad, in.q, in.k.narrow(2, start, count), in.v.narrow(2, start, count), whole,
                                  false, scale, kernels);
    };
    const SegmentGradients a = of_part(0, kFirst), b = of_part(kFirst, shape.keys - kFirst);
    EXPECT_LT(difference(a.q + b.q, all.q.to(at::kDouble)), 2e-6);
    EXPECT_LT(difference(at::cat({a.k, b.k}, 2), all.k.to(at::kDouble)), 2e-6);
    EXPECT_LT(difference(at::cat({a.v, b.v}, 2), all.v.to(at::kDouble)), 2e-6);
  }
}

TEST(CpuSegment, NumbersDoNotDependOnThreads) {
  const int threads = at::get_num_threads();
  for (const int which : {0, 1, 2, 3}) {
    const bool causal = which % 2 == 1;
    const Inputs in({2, 4, 2, 1300, 1300, 32, causal}, 10, which < 2 ? at::kFloat : at::kBFloat16);
    std::vector<Partial> partials;
    std::vector<SegmentGradients> gradients;
    for (const int count : {1, 2, 5}) {
      at::set_num_threads(count);
      partials.push_back(cpu_segment_forward(in.q, in.k, in.v, causal, 0.2));
      gradients.push_back(cpu_segment_backward(in.grad, in.q, in.k, in.v, partials.back(), causal, 0.2));
    }
    at::set_num_threads(threads);
    for (size_t i = 1; i < partials.size(); ++i) {
      EXPECT_TRUE(at::equal(partials[i].out, partials[0].out));
      EXPECT_TRUE(at::equal(partials[i].lse, partials[0].lse));
      EXPECT_TRUE(at::equal(gradients[i].q, gradients[0].q));
      EXPECT_TRUE(at::equal(gradients[i].k, gradients[0].k));
      EXPECT_TRUE(at::equal(gradients[i].v, gradients[0].v));
    }
  }
}

// A number that is none must not get lost: training stops when a loss is not finite.
TEST(CpuSegment, NanReachesWhatDependsOnIt) {
  const Shape shape{1, 1, 1, 200, 200, 32, true};
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    Inputs in(shape, 11, type);
    in.k.select(2, 150).fill_(std::numeric_limits<float>::quiet_NaN());
    for (const TileKernels* kernels : versions()) {
      const Partial partial = cpu_segment_forward(in.q, in.k, in.v, true, 0.2, kernels);
      EXPECT_TRUE(partial.out.narrow(2, 0, 150).isfinite().all().item<bool>());
      EXPECT_TRUE(partial.out.narrow(2, 150, 50).isnan().all().item<bool>());
      EXPECT_TRUE(partial.lse.narrow(2, 150, 50).isnan().all().item<bool>());
      const SegmentGradients g = cpu_segment_backward(in.grad, in.q, in.k, in.v, partial, true, 0.2, kernels);
      EXPECT_TRUE(g.q.narrow(2, 150, 50).isnan().all().item<bool>());
    }
  }
}

TEST(CpuSegment, ScoresFarApartStayFinite) {
  Inputs in({1, 2, 1, 40, 200, 16, false}, 12);
  in.q *= 100;
  in.k *= 100;
  const at::Tensor scores = plain_scores(in.q.to(at::kDouble), in.k.to(at::kDouble), false, 1);
  const at::Tensor expected = at::matmul(at::softmax(scores, -1), in.v.to(at::kDouble).repeat_interleave(2, 1));
  for (const TileKernels* kernels : versions()) {
    const Partial partial = cpu_segment_forward(in.q, in.k, in.v, false, 1, kernels);
    EXPECT_LT(difference(partial.out, expected),
              3e-2);  // scores of 50,000 have four digits behind the point in float32
    const SegmentGradients g = cpu_segment_backward(in.grad, in.q, in.k, in.v, partial, false, 1, kernels);
    EXPECT_TRUE(g.q.isfinite().all().item<bool>() && g.k.isfinite().all().item<bool>());
  }
}

}  // namespace
}  // namespace golong::nn
