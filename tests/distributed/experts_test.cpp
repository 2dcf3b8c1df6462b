// Experts that are shared out over ranks: outputs and gradients are those of one process.
#include "core/nn/experts.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/nn/exchange.h"
#include "core/train/packing.h"
#include "core/train/reference.h"
#include "core/train/workspace.h"
#include "tests/distributed/expert_ranks.h"
#include "tests/unit/error_message.h"

namespace golong {
namespace {

using parallel::on_ranks;
using parallel::World;
using testing::HasSubstr;

at::Tensor gradient_of(const at::Tensor& x) { return x.grad().defined() ? x.grad() : at::zeros_like(x); }

TEST(ExchangeRows, GradientsGoBackToWhereTheRowsAreFrom) {
  on_ranks(3, [](World& world) {
    const parallel::Group group = everyone(world);
    // Rank r sends d rows to rank d, with numbers of their own, which rank d multiplies by its number.
    const int64_t rank = group.rank();
    const at::Tensor rows = (at::arange(6, at::kFloat).view({3, 2}) + 100 * rank).requires_grad_(true);
    const at::Tensor came = nn::exchange_rows(rows, {0, 1, 2}, std::vector<int64_t>(3, rank), group);
    EXPECT_EQ(came.size(0), 3 * rank);
    (came * came * rank).sum().backward();
    EXPECT_TRUE(rows.grad().equal(2 * rows.detach() * at::tensor({1.f, 2.f, 2.f}).unsqueeze(1)));
  });
}

struct Mixture {
  Mixture(int64_t count, int64_t first, int64_t kept) : experts(kept) {
    at::manual_seed(5);
    const auto random = [](at::IntArrayRef size) { return (0.4 * at::randn(size, at::kFloat)).requires_grad_(true); };
    router = random({count, 12});
    for (int64_t e = 0; e < count; ++e) {
      nn::Mlp expert{{random({7, 12}), {}}, {random({7, 12}), {}}, {random({12, 7}), {}}};
      if (e >= first && e < first + kept) experts.add(expert);
    }
  }
  at::Tensor operator()(const at::Tensor& x, const parallel::Group& group = {}) const {
    return nn::mix_experts(x, {router, {}}, experts, 3, true, group);
  }
  at::Tensor router;
  nn::Experts experts;
};

TEST(MixExpertsOnRanks, IsWhatOneProcessComputes) {
  constexpr int64_t kExperts = 8;
  const auto rows_of = [](int64_t rank) { return std::vector<int64_t>{9, 0, 1, 30}[static_cast<size_t>(rank)]; };
  for (const int64_t ranks : {2, 4}) {
    on_ranks(ranks, [&](World& world) {
      const parallel::Group group = everyone(world);
      const int64_t rank = group.rank(), kept = kExperts / ranks;
      const Mixture whole(kExperts, 0, kExperts), mine(kExperts, rank * kept, kept);
      int64_t start = 0, total = 0;
      for (int64_t r = 0; r < ranks; ++r) total += rows_of(r);
      for (int64_t r = 0; r < rank; ++r) start += rows_of(r);
      const at::Tensor all = at::randn({total, 12}).requires_grad_(true), factors = at::randn({total, 12});
      const at::Tensor x = all.detach().narrow(0, start, rows_of(rank)).clone().requires_grad_(true);
      const at::Tensor expected = whole(all), got = mine(x, group);
      const auto own = [&](const at::Tensor& t) { return t.narrow(0, start, rows_of(rank)); };
      EXPECT_LT(difference(got, own(expected)), 1e-6);
      (expected * factors).sum().backward();
      (got * own(factors)).sum().backward();
      EXPECT_LT(difference(x.grad(), own(all.grad())), 1e-5);
      const at::Tensor to_router = mine.router.grad().clone();
      group.sum(to_router);
      EXPECT_LT(difference(to_router, whole.router.grad()), 1e-5);
      for (int64_t e = 0; e < kept; ++e) {
        const nn::Mlp &a = mine.experts.each()[static_cast<size_t>(e)],
                      &b = whole.experts.each()[static_cast<size_t>(rank * kept + e)];
        for (const auto& [part, of_whole] : {std::pair{a.gate, b.gate}, {a.up, b.up}, {a.down, b.down}}) {
          EXPECT_LT(difference(gradient_of(part.weight), gradient_of(of_whole.weight)), 1e-5);
        }
      }
    });
  }
}

TEST(MixExpertsOnRanks, NoRankHasRows) {
  on_ranks(2, [](World& world) {
    const Mixture mine(8, 4 * world.rank().rank, 4);
    const at::Tensor x = at::zeros({0, 12}).requires_grad_(true), y = mine(x, everyone(world));
    EXPECT_EQ(y.sizes(), x.sizes());
    y.sum().backward();
    EXPECT_EQ(x.grad().sizes(), x.sizes());
  });
}

// Log-probabilities of the groups' responses [R], in float32; of no groups [0].
at::Tensor logprobs(const Model& model, const std::vector<const Group*>& groups, int64_t recomputed) {
  const at::TensorOptions longs = at::TensorOptions().dtype(at::kLong);
  Packed packed{.token_ids = at::empty({0}, longs),
                .positions = packed.token_ids,
                .rows = packed.token_ids,
                .targets = packed.token_ids};
  if (!groups.empty()) packed = pack(groups, at::kCPU);
  GroupAttention attention(packed.layouts);
  const at::Tensor hidden = model.hidden(packed.token_ids, packed.positions, attention, recomputed);
  const at::Tensor logits = at::matmul(hidden.index_select(0, packed.rows), model.head().t()).to(at::kFloat);
  return logits.log_softmax(1).gather(1, packed.targets.unsqueeze(1)).squeeze(1);
}

using Gradients = std::map<std::string, at::Tensor>;

// Of a weighted sum of log-probabilities.
Gradients gradients(const Model& model, const std::vector<const Group*>& groups, int64_t recomputed, at::Tensor* out) {
  for (const auto& [name, tensor] : model.parameters()) tensor.mutable_grad() = at::Tensor();
  const at::Tensor policy = logprobs(model, groups, recomputed);
  (policy * policy.detach().cos()).sum().backward();
  *out = policy.detach();
  Gradients all;
  for (const auto& [name, tensor] : model.parameters()) all[name] = gradient_of(tensor).to(at::kFloat);
  return all;
}

// Which groups a rank computes: one of four has none.
std::vector<const Group*> dealt(const std::vector<Group>& groups, int64_t rank, int64_t ranks) {
  std::vector<const Group*> mine;
  for (size_t g = 0; g < groups.size(); ++g) {
    const int64_t to = ranks == 2 ? (g == 2 ? 1 : 0) : (g == 0 ? 0 : static_cast<int64_t>(g) % 2 + 2);
    if (to == rank) mine.push_back(&groups[g]);
  }
  return mine;
}

// The gradients of all ranks together, as far as this one sees them: sums, and those of its own experts.
Gradients summed(Gradients mine, const parallel::Group& group) {
  for (const auto& [name, gradient] : mine) {
    if (!is_of_expert(name)) group.sum(gradient);
  }
  return mine;
}

struct Runs {
  Gradients whole, shared;
  at::Tensor whole_logprobs, shared_logprobs;  // of this rank's groups
};

Runs run(World& world, at::ScalarType dtype, const std::vector<Group>& groups, int64_t recomputed) {
  const parallel::Group group = everyone(world);
  const std::unique_ptr<Model> whole = expert_model(dtype), shared = expert_model(dtype, group);
  std::vector<const Group*> all;
  for (const Group& g : groups) all.push_back(&g);
  const std::vector<const Group*> mine = dealt(groups, group.rank(), group.size());
  Runs runs;
  {
    const c10::InferenceMode inference;
    runs.whole_logprobs = logprobs(*whole, mine, 0);
  }
  at::Tensor ignored;
  runs.whole = gradients(*whole, all, 0, &ignored);
  runs.shared = summed(gradients(*shared, mine, recomputed, &runs.shared_logprobs), group);
  return runs;
}

std::vector<Group> some_groups() {
  return {random_group(40, {9, 0, 17}, 1), random_group(7, {3, 5}, 2), random_group(25, {12, 30, 1, 4}, 3),
          random_group(1, {6}, 4)};
}

TEST(ModelOnExpertRanks, GradientsAreThoseOfOneProcess) {
  for (const int64_t ranks : {2, 4}) {
    for (const int64_t recomputed : {0, 3, 5}) {
      on_ranks(ranks, [&](World& world) {
        // Ranks ask for different numbers of layers.
        const Runs runs = run(world, at::kFloat, some_groups(), std::max<int64_t>(0, recomputed - world.rank().rank));
        EXPECT_LT(difference(runs.shared_logprobs, runs.whole_logprobs), 1e-5);
        int64_t unused = 0;
        for (const auto& [name, gradient] : runs.shared) {
          EXPECT_LT(difference(gradient, runs.whole.at(name)), 1e-5) << name;
          unused += is_of_expert(name) && gradient.count_nonzero().item<int64_t>() == 0;
        }
        // Of the fourth layer's experts half are never chosen: three matrices each.
        EXPECT_GE(unused, world.rank().rank >= ranks / 2 ? 3 * 8 / ranks : 0);
      });
    }
  }
}

// As far from float32 as one process is.
TEST(ModelOnExpertRanks, InBfloat16GradientsAreAsGoodAsThoseOfOneProcess) {
  on_ranks(2, [](World& world) {
    const Runs exact = run(world, at::kFloat, some_groups(), 0), runs = run(world, at::kBFloat16, some_groups(), 2);
    double alone = 0, together = 0, size = 0;
    for (const auto& [name, gradient] : runs.shared) {
      const at::Tensor& expected = exact.whole.at(name);
      alone += (runs.whole.at(name) - expected).square().sum().item<double>();
      together += (gradient - expected).square().sum().item<double>();
      size += expected.square().sum().item<double>();
    }
    EXPECT_LT(std::sqrt(together / size), 1.5 * std::sqrt(alone / size));
  });
}

TEST(ModelOnExpertRanks, KeepsItsOwnExpertsAlone) {
  for (const int64_t ranks : {2, 4}) {
    on_ranks(ranks, [&](World& world) {
      const parallel::Group group = everyone(world);
      const std::filesystem::path folder = testing::TempDir() + "/experts";
      const std::unique_ptr<Model> whole = expert_model(at::kFloat);
      if (world.is_first()) save_model(*whole, folder, at::kFloat);
      world.all().barrier();
      const std::map<std::string, at::Tensor> all(whole->parameters().begin(), whole->parameters().end());
      for (const std::unique_ptr<Model>& shared :
           {load_model(folder, at::kFloat, at::kCPU, group), expert_model(at::kFloat, group)}) {
        EXPECT_EQ(shared->shape().experts.count, 8);
        size_t experts = 0;
        for (const auto& [name, tensor] : shared->parameters()) {
          EXPECT_TRUE(tensor.equal(all.at(name))) << name;
          if (!is_of_expert(name)) continue;
          ++experts;
          const int64_t number = std::stoll(name.substr(name.find("experts.") + 8));
          EXPECT_EQ(number / (8 / ranks), group.rank()) << name;
        }
        EXPECT_EQ(experts, static_cast<size_t>(4 * 3 * 8 / ranks));
        EXPECT_EQ(shared->parameters().size() - experts, all.size() - 4 * 3 * 8);
      }
    });
  }
}

TEST(ModelOnExpertRanks, EveryRankSaysWhichExpertIsMissing) {
  on_ranks(2, [](World& world) {
    const parallel::Group group = everyone(world);
    const std::filesystem::path folder = testing::TempDir() + "/missing";
    if (world.is_first()) {
      const std::unique_ptr<Model> whole = expert_model(at::kFloat);
      NamedTensors weights = whole->parameters();
      std::erase_if(weights, [](const auto& w) { return w.first == "model.layers.2.mlp.experts.6.up_proj.weight"; });
      write_model_folder(folder, weights, at::kFloat, whole->shape().json, {});
    }
    world.all().barrier();
    EXPECT_THAT(error_message([&] { load_model(folder, at::kFloat, at::kCPU, group); }),
                HasSubstr("model.layers.2.mlp.experts.6.up_proj.weight: missing"));
  });
}

TEST(ModelOnExpertRanks, RefusesExpertsThatCannotBeSharedEvenly) {
  on_ranks(3, [](World& world) {
    EXPECT_THAT(error_message([&] { expert_model(at::kFloat, everyone(world)); }),
                HasSubstr("parallel.expert is 3, but the model has 8 experts"));
  });
}

// Before the weights are looked for.
TEST(ModelOnExpertRanks, RefusesADenseModel) {
  on_ranks(2, [](World& world) {
    const std::filesystem::path folder =
        std::filesystem::path(testing::TempDir()) / ("dense" + std::to_string(world.rank().rank));
    std::filesystem::create_directories(folder);
    std::string json = deep_experts().json;
    json.replace(json.find("Qwen3Moe"), 8, "Qwen3");
    write_file_atomic(folder / "config.json", json);
    Config config;
    config.model.path = folder;
    config.parallel.expert = 2;
    EXPECT_THAT(error_message([&] { Workspace::open(config, nullptr, {}, everyone(world)); }),
                HasSubstr("parallel.expert is 2, but a Qwen3ForCausalLM"));
  });
}

TEST(ReferenceOnExpertRanks, HasTheFingerprintOfOneProcess) {
  on_ranks(2, [](World& world) {
    const parallel::Group group = everyone(world);
    const std::filesystem::path folder = testing::TempDir() + "/reference";
    const std::unique_ptr<Model> whole = expert_model(at::kFloat), shared = expert_model(at::kFloat, group);
    Config config;
    config.model.path = folder;
    config.train.kl.estimator = "k3";
    const auto fingerprint = [&](const Model& policy) { return open_reference(config, policy).fingerprint; };
    const auto save = [&] {
      if (world.is_first()) save_model(*whole, folder, at::kFloat);
      world.all().barrier();
    };
    save();
    const std::string before = fingerprint(*whole);
    EXPECT_EQ(fingerprint(*shared), before);
    for (const auto& [name, tensor] : whole->parameters()) {
      if (name == "model.layers.2.mlp.experts.6.up_proj.weight") tensor.detach().add_(1);
    }
    world.all().barrier();
    save();
    EXPECT_NE(fingerprint(*shared), before);
    EXPECT_EQ(fingerprint(*shared), fingerprint(*whole));
  });
}

}  // namespace
}  // namespace golong
