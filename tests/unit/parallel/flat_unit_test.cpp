#include "core/parallel/flat_unit.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/variable.h>

#include <map>

#include "tests/unit/ranks.h"

namespace golong::parallel {
namespace {

using Parameters = std::vector<std::pair<std::string, at::Tensor>>;

Parameters make_parameters(at::ScalarType dtype = at::kFloat) {
  Parameters parameters;
  double start = 1;
  for (const auto& [name, size] :
       std::map<std::string, std::vector<int64_t>>{{"a", {3, 5}}, {"b", {7}}, {"c", {2, 2}}}) {
    const int64_t count = c10::multiply_integers(size);
    parameters.emplace_back(name, (at::arange(count, at::kFloat) + start).view(size).to(dtype).requires_grad_(true));
    start += static_cast<double>(count);
  }
  return parameters;
}

Group everyone(World& world) {
  std::vector<int64_t> ranks;
  for (int64_t r = 0; r < world.rank().size; ++r) ranks.push_back(r);
  return world.group(ranks, "ranks of the test");
}

// A sum over the parameters whose gradients are all different, times `factor`.
at::Tensor loss_of(const Parameters& parameters, double factor) {
  at::Tensor loss = at::zeros({}, at::kFloat);
  for (const auto& [name, parameter] : parameters) loss = loss + (parameter.to(at::kFloat).square().sum() * factor);
  return loss;
}

// What all ranks' pieces of a kind make together, by name.
std::map<std::string, at::Tensor> assemble(const FlatUnit& unit, const Group& group, bool gradients) {
  std::map<std::string, at::Tensor> all;
  for (const auto& [name, parameter] : make_parameters()) all[name] = at::zeros({parameter.numel()});
  for (const Piece& piece : unit.pieces()) {
    const at::Tensor& part = gradients ? piece.gradient : piece.weight;
    all[piece.name].narrow(0, piece.offset, part.size(0)).copy_(part);
  }
  for (auto& [name, tensor] : all) group.sum(tensor);
  return all;
}

class FlatUnitTest : public ::testing::TestWithParam<Split> {};

TEST_P(FlatUnitTest, KeepsWeightsAndSumsGradientsOverRanksAndPasses) {
  on_ranks(4, [](World& world) {
    const Group group = everyone(world);
    const Parameters parameters = make_parameters(), plain = make_parameters();
    FlatUnit unit(parameters, group, GetParam());
    for (int pass = 0; pass < 2; ++pass) {
      unit.gather();
      const at::Tensor loss = loss_of(parameters, static_cast<double>(group.rank() + 1));
      unit.release();  // between the passes, as after a layer
      unit.gather();
      loss.backward();
      unit.take_gradients();
      unit.release();
    }
    unit.finish_gradients();
    loss_of(plain, 2 * (1 + 2 + 3 + 4)).backward();
    const auto gradients = assemble(unit, group, true), weights = assemble(unit, group, false);
    for (const auto& [name, parameter] : plain) {
      EXPECT_TRUE(at::allclose(gradients.at(name), parameter.grad().flatten())) << name;
      EXPECT_TRUE(weights.at(name).equal(parameter.detach().flatten())) << name;
    }
    for (const Piece& piece : unit.pieces()) piece.weight.mul_(2);
    unit.spread_weights();
    unit.gather();
    for (size_t i = 0; i < plain.size(); ++i) {
      EXPECT_TRUE(parameters[i].second.detach().equal(plain[i].second.detach() * 2)) << plain[i].first;
    }
    unit.zero_gradients();
    for (const Piece& piece : unit.pieces()) EXPECT_EQ(piece.gradient.abs().sum().item<float>(), 0);
  });
}

INSTANTIATE_TEST_SUITE_P(All, FlatUnitTest, ::testing::Values(Split::optimizer, Split::gradients, Split::weights));

TEST(FlatUnit, ReleasedWeightsTakeNoMemory) {
  on_ranks(2, [](World& world) {
    const Parameters parameters = make_parameters(at::kBFloat16);
    FlatUnit unit(parameters, everyone(world), Split::weights);
    EXPECT_EQ(parameters[0].second.storage().nbytes(), 0u);
    unit.gather_later();
    unit.gather();
    EXPECT_EQ(parameters[0].second.storage().nbytes(), 26u * 2);
    EXPECT_TRUE(parameters[1].second.detach().to(at::kFloat).equal(at::arange(16, 23, at::kFloat)));
    unit.hold();
    unit.release();
    EXPECT_EQ(parameters[0].second.storage().nbytes(), 26u * 2);
    unit.let_go();
    EXPECT_EQ(parameters[0].second.storage().nbytes(), 0u);
  });
}

TEST(FlatUnit, LateSumsAreThoseOfAllRanksThoughOneHadNothingToDo) {
  on_ranks(2, [](World& world) {
    const Group group = everyone(world);
    const Parameters parameters = make_parameters(), plain = make_parameters();
    FlatUnit unit(parameters, group, Split::weights, /*late=*/true);
    unit.hold();
    if (group.rank() == 1) {
      loss_of(parameters, 3).backward();
      unit.take_gradients();
    }
    unit.finish_gradients();
    loss_of(plain, 3).backward();
    const auto gradients = assemble(unit, group, true);
    for (const auto& [name, parameter] : plain) EXPECT_TRUE(gradients.at(name).equal(parameter.grad().flatten()));
  });
}

TEST(FlatUnit, AloneIsOnePieceEach) {
  const Parameters parameters = make_parameters();
  FlatUnit unit(parameters, {}, Split::weights);
  ASSERT_EQ(unit.pieces().size(), 3u);
  loss_of(parameters, 1).backward();
  unit.take_gradients();
  unit.finish_gradients();
  EXPECT_TRUE(unit.pieces()[1].gradient.equal(at::arange(16, 23, at::kFloat) * 2));
}

}  // namespace
}  // namespace golong::parallel
