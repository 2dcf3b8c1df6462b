// Projections of few rows against ATen's, and that a row's numbers do not depend on the others.
#include "core/nn/few_rows.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "core/nn/layers.h"

namespace golong::nn {
namespace {

TEST(FewRows, EachInstructionSetMultiplies) {
  at::manual_seed(5);
  for (auto* version : project_few_rows_versions()) {
    for (int64_t rows : {1, 3, 4, 9}) {
      for (int64_t in : {1, 16, 40, 1024, 1500}) {
        for (at::ScalarType type : {at::kFloat, at::kBFloat16}) {
          const int64_t out = 131;
          const at::Tensor x = at::randn({rows, in}), weight = at::randn({out, in}).to(type);
          at::Tensor y = at::full({rows, out}, 7.0);
          const FewRows product{
              x.const_data_ptr<float>(),  rows, in, out, weight.const_data_ptr(), type == at::kBFloat16,
              y.mutable_data_ptr<float>()};
          version(product, 0, 70);
          version(product, 70, out);
          const at::Tensor expected = at::matmul(x.to(at::kDouble), weight.to(at::kDouble).t());
          EXPECT_LT((y - expected).abs().max().item<double>(), 1e-6 * (10 + in)) << rows << " rows of " << in;
        }
      }
    }
  }
}

TEST(Linear, IsTheProductWithAndWithoutBias) {
  const c10::InferenceMode inference;
  at::manual_seed(6);
  for (int64_t rows : {1, 7, 100}) {
    for (at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const at::Tensor x = at::randn({rows, 2, 48}).to(type), weight = at::randn({33, 48}).to(type),
                       bias = at::randn({33}).to(type);
      for (const Linear& linear : {Linear{weight, {}}, Linear{weight, bias}}) {
        const at::Tensor expected = at::linear(x, weight, linear.bias);
        for (bool on : {false, true}) {
          const RowByRow mode(on);
          const at::Tensor got = linear(x);
          EXPECT_EQ(got.scalar_type(), type);
          EXPECT_EQ(got.sizes(), expected.sizes());
          EXPECT_LT((got - expected).abs().max().item<double>(), type == at::kFloat ? 2e-5 : 0.13);
        }
      }
    }
  }
}

TEST(RowByRow, ARowIsTheSameAloneAndAmongOthers) {
  const c10::InferenceMode inference;
  const RowByRow mode;
  at::manual_seed(7);
  const at::Tensor x = at::randn({61, 300});
  for (at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const Linear linear{at::randn({97, 300}).to(type), {}};
    const at::Tensor rows = x.to(type), all = linear(rows);
    for (int64_t row : {0, 5, 58, 60}) EXPECT_TRUE(linear(rows.narrow(0, row, 1))[0].equal(all[row]));
    EXPECT_TRUE(linear(rows.narrow(0, 3, 22)).equal(all.narrow(0, 3, 22)));
  }
}

}  // namespace
}  // namespace golong::nn
