// Passes whose tokens several context ranks share against the same passes in one process: losses, gradients,
// log-probabilities, and the memory that they take.
#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <map>
#include <numeric>
#include <string>
#include <thread>

#include "core/base/random.h"
#include "core/train/forward.h"
#include "core/train/kept_prompt.h"
#include "core/train/passes.h"
#include "core/train/run_passes.h"
#include "tests/unit/ranks.h"
#include "tests/unit/train/tiny_model.h"

namespace golong {
namespace {

using nn::Context;
using nn::ContextMethod;
using parallel::on_ranks;
using parallel::World;

Context context_of(World& world, ContextMethod method) {
  std::vector<int64_t> ranks(static_cast<size_t>(world.rank().size));
  std::iota(ranks.begin(), ranks.end(), int64_t{0});
  return {world.group(ranks, "context ranks"), method};
}

ModelShape deep(ModelShape shape) {
  shape.layers = 4;
  shape.heads = 8;
  shape.kv_heads = 4;
  return shape;
}

std::vector<const Group*> pointers(const std::vector<Group>& groups) {
  std::vector<const Group*> all;
  for (const Group& group : groups) all.push_back(&group);
  return all;
}

struct Result {
  double loss = 0;
  std::map<std::string, at::Tensor> gradients;
};

// A loss that weighs each token by itself, and the entropies too.
at::Tensor loss_of(const std::vector<Slice>& slices, const nn::TokenLogprobs& policy) {
  std::vector<double> weights;
  for (const Slice& slice : slices) {
    for (const size_t r : slice.responses) {
      RandomSequence random(random_key({slice.group->prompt.key, r}));
      for (size_t i = 0; i < slice.group->responses[r].token_ids.size(); ++i) weights.push_back(random.uniform() - 0.3);
    }
  }
  EXPECT_EQ(policy.logprobs.size(0), static_cast<int64_t>(weights.size()));
  const at::Tensor w = at::tensor(weights, at::kDouble).to(at::kFloat);
  return -(w * policy.logprobs).sum() - 0.1 * (w * policy.entropy).sum();
}

// As the learner runs them; the rank's own share of loss and gradients.
Result run(const Model& model, const Passes& passes, bool share_prefix, int64_t recomputed, const Context& context) {
  Result result;
  for (const auto& [name, tensor] : model.parameters()) at::Tensor(tensor).mutable_grad() = at::zeros_like(tensor);
  const auto backward = [&](const std::vector<Slice>& slices, const nn::TokenLogprobs& policy) {
    const at::Tensor loss = loss_of(slices, policy);
    loss.backward();
    result.loss += loss.item<double>();
  };
  for (const std::vector<const Group*>& groups : passes.packed) {
    const Packed packed = pack(groups, at::kCPU, share_prefix, context);
    EXPECT_LE(packed.token_ids.size(0), most_tokens(groups, share_prefix, context.size()));
    backward(packed.slices, response_logprobs(model, packed, 1.3, recomputed));
  }
  for (const LargePass& large : passes.large) {
    KeptPrompt prompt(model, large.group, recomputed, context);
    for (const Part& part : large.parts) backward(prompt.slices(part), prompt.logprobs(part, 1.3));
    prompt.backward();
  }
  for (const auto& [name, tensor] : model.parameters()) result.gradients[name] = tensor.grad().clone();
  return result;
}

// The sums over all ranks.
Result sum(Result of, const Context& context) {
  at::Tensor loss = at::full({1}, of.loss, at::kDouble);
  context.ranks.sum(loss);
  of.loss = loss.item<double>();
  for (auto& [name, gradient] : of.gradients) context.ranks.sum(gradient);
  return of;
}

void expect_equal(const Result& found, const Result& expected) {
  EXPECT_NEAR(found.loss, expected.loss, 1e-5 * std::abs(expected.loss));
  for (const auto& [name, gradient] : expected.gradients) {
    const double size = gradient.norm().item<double>();
    EXPECT_GT(size, 0) << name;
    EXPECT_LT((found.gradients.at(name) - gradient).norm().item<double>(), 1e-5 * size) << name;
  }
}

struct Case {
  std::string name;
  std::vector<Group> groups;
  int64_t budget = 100000;  // tokens of a rank
  bool share_prefix = true;
};

Group keyed(Group group, uint64_t key) {
  group.prompt.key = key;
  return group;
}

std::vector<Case> cases() {
  const Group long_one = keyed(random_group(90, {31, 4, 0, 18, 7}, 1), 1), two = keyed(random_group(41, {9, 26}, 2), 2),
              few = keyed(random_group(33, {12}, 3), 3), tiny = keyed(random_group(3, {5, 2}, 4), 4),
              single = keyed(random_group(1, {4, 6, 1}, 5), 5);
  return {
      {"one group", {long_one}},
      {"several groups in a micro-batch", {long_one, two, few, tiny, single}},
      {"several micro-batches", {two, few, long_one, single, tiny}, 90},
      {"prompts shorter than the chunks", {tiny, single}},
      {"fewer responses than ranks", {few}},
      {"a group in parts", {long_one}, 30},
      {"groups in parts beside others", {two, long_one, few, tiny}, 24},
      {"prompts of few tokens in parts", {tiny, single}, 3},
      {"a prompt for each response", {two, tiny, few}, 100000, false},
  };
}

class ContextRanks : public ::testing::TestWithParam<std::tuple<int64_t, ContextMethod>> {};

TEST_P(ContextRanks, GiveLossAndGradientsOfOneProcess) {
  const auto [ranks, method] = GetParam();
  on_ranks(ranks, [method = method](World& world) {
    const Context context = context_of(world, method);
    const std::unique_ptr<Model> model = tiny_model(at::kFloat, 7, deep(tiny_shape()));
    for (const Case& c : cases()) {
      SCOPED_TRACE(c.name + ", rank " + std::to_string(context.rank()));
      const auto groups = pointers(c.groups);
      const Result expected = run(*model, plan_passes(groups, c.budget, c.share_prefix), c.share_prefix, 0, Context());
      const Passes passes = plan_passes(groups, c.budget, c.share_prefix, context.size());
      for (const int64_t recomputed : {0, 2, 4}) {
        expect_equal(sum(run(*model, passes, c.share_prefix, recomputed, context), context), expected);
      }
    }
  });
}

TEST_P(ContextRanks, RunEmptyPassesInStepWithOthers) {
  const auto [ranks, method] = GetParam();
  on_ranks(ranks, [method = method](World& world) {
    const Context context = context_of(world, method);
    const std::unique_ptr<Model> model = tiny_model(at::kFloat, 7, deep(tiny_shape()));
    const std::vector<Case> all = cases();
    std::vector<Passes> parts;
    for (const Case& c : all) {
      if (c.share_prefix) parts.push_back(plan_passes(pointers(c.groups), c.budget, true, context.size()));
    }
    parts.emplace_back();  // a rank that has no group at all
    fill_up(parts, context.size());
    for (size_t i = 0; i < parts.size(); ++i) {
      SCOPED_TRACE(i + 1 < parts.size() ? all[i].name : "no group");
      const Result found = sum(run(*model, parts[i], true, 2, context), context);
      if (i + 1 < parts.size()) {
        expect_equal(found, run(*model, plan_passes(pointers(all[i].groups), all[i].budget, true), true, 2, Context()));
      } else {
        EXPECT_EQ(found.loss, 0);
        for (const auto& [name, gradient] : found.gradients) EXPECT_EQ(gradient.abs().max().item<double>(), 0) << name;
      }
    }
  });
}

TEST_P(ContextRanks, GiveTheLogprobsOfTheirResponses) {
  const auto [ranks, method] = GetParam();
  on_ranks(ranks, [method = method](World& world) {
    const Context context = context_of(world, method);
    const std::unique_ptr<Model> model = tiny_model(at::kFloat, 7, deep(tiny_shape()));
    for (const Case& c : cases()) {
      SCOPED_TRACE(c.name);
      const auto groups = pointers(c.groups);
      PassRules rules{.temperature = 0.8, .share_prefix = c.share_prefix, .recomputed = [](int64_t) { return 0; }};
      GroupLogprobs expected, found;
      add_logprobs(*model, plan_passes(groups, c.budget, c.share_prefix), rules, expected);
      rules.context = context;
      add_logprobs(*model, plan_passes(groups, c.budget, c.share_prefix, context.size()), rules, found);
      for (const Group* group : groups) {
        const auto dealt = deal(*group, context.size());
        for (int64_t rank = 0; rank < context.size(); ++rank) {
          for (const size_t response : dealt[static_cast<size_t>(rank)]) {
            const std::vector<float>& theirs = expected.at(group)[response];
            const std::vector<float> mine = found.count(group) ? found.at(group)[response] : std::vector<float>();
            ASSERT_EQ(mine.size(), rank == context.rank() ? theirs.size() : 0);
            for (size_t i = 0; i < mine.size(); ++i) EXPECT_NEAR(mine[i], theirs[i], 1e-4);
          }
        }
      }
    }
  });
}

TEST_P(ContextRanks, ComposeWithExperts) {
  const auto [ranks, method] = GetParam();
  on_ranks(ranks, [method = method](World& world) {
    const Context context = context_of(world, method);
    const std::unique_ptr<Model> model = tiny_model(at::kFloat, 7, deep(tiny_experts()));
    const std::vector<Group> groups{keyed(random_group(57, {14, 3, 22, 9, 5}, 1), 1),
                                    keyed(random_group(20, {8, 11, 4, 6}, 2), 2)};
    const Result expected = run(*model, plan_passes(pointers(groups), 100000, true), true, 0, Context());
    const Passes passes = plan_passes(pointers(groups), 100000, true, context.size());
    expect_equal(sum(run(*model, passes, true, 2, context), context), expected);
  });
}

// The bytes of all tensors of a process, whichever thread frees them: an exchange's are often freed by Gloo's.
class CountedMemory : public c10::Allocator {
 public:
  static inline std::atomic<int64_t> now = 0, peak = 0;

  at::DataPtr allocate(size_t bytes) override {
    void* memory = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
    now += static_cast<int64_t>(::malloc_usable_size(memory));
    peak = std::max(peak.load(), now.load());
    return {memory, memory, &release, at::kCPU};
  }
  at::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }

 private:
  static void release(void* memory) {
    now -= static_cast<int64_t>(::malloc_usable_size(memory));
    std::free(memory);
  }
};

// Bytes that a forward pass leaves for the backward pass, and the most until that is done, above those of the model and
// its gradients.
struct Memory {
  double kept, peak;
};

// A thread of Gloo holds the tensors of its last operation until it runs again.
void wait_until_at_most(double bytes) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (static_cast<double>(CountedMemory::now) > bytes && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
}

// `rest`: bytes of the model and its gradients. What is kept is waited for until it is at most `most`.
Memory memory_of(const Model& model, const Group& group, int64_t recomputed, const Context& context, int64_t rest,
                 double most) {
  CountedMemory::peak = CountedMemory::now.load();
  const Packed packed = pack({&group}, at::kCPU, true, context);
  const at::Tensor loss = loss_of(packed.slices, response_logprobs(model, packed, 1, recomputed));
  wait_until_at_most(static_cast<double>(rest) + most);
  Memory memory{static_cast<double>(CountedMemory::now - rest), 0};
  loss.backward();
  memory.peak = static_cast<double>(CountedMemory::peak - rest);
  return memory;
}

TEST_P(ContextRanks, DivideTheMemoryOfALongPrompt) {
  const auto [ranks, method] = GetParam();
  on_ranks(ranks, [method = method](World& world) {
    static CountedMemory counted;
    c10::SetCPUAllocator(&counted, 255);
    const Context context = context_of(world, method);
    ModelShape shape = deep(tiny_shape());
    shape.hidden = 128;
    shape.intermediate = 384;
    shape.layers = 8;  // a layer's gathered keys and values are there once, however many layers there are
    const std::unique_ptr<Model> model = tiny_model(at::kFloat, 7, shape);
    for (const auto& [name, tensor] : model->parameters()) at::Tensor(tensor).mutable_grad() = at::zeros_like(tensor);
    const Group group = random_group(1200, {8, 8, 8, 8}, 3);
    const double share = 1 / static_cast<double>(context.size());
    const int64_t rest = CountedMemory::now;
    for (const int64_t recomputed : {0, 4}) {
      wait_until_at_most(static_cast<double>(rest));
      const Memory alone = memory_of(*model, group, recomputed, Context(), rest, HUGE_VAL);
      Memory shared{};
      // What a thread of Gloo still holds only adds to a peak: the least of a few is the pass's own.
      for (int tries = 0; tries < 4; ++tries) {
        const Memory one = memory_of(*model, group, recomputed, context, rest, 1.1 * share * alone.kept);
        shared = {one.kept, tries == 0 ? one.peak : std::min(one.peak, shared.peak)};
        EXPECT_NEAR(shared.kept / alone.kept, share, 0.1 * share) << recomputed;
      }
      // Beyond that there are the keys and values of one layer, which count where all else is recomputed.
      EXPECT_LT(shared.peak / alone.peak, (recomputed > 0 ? 1.4 : 1.1) * share) << recomputed;
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Of, ContextRanks,
                         ::testing::Combine(::testing::Values(2, 4),
                                            ::testing::Values(ContextMethod::gather, ContextMethod::heads)));

}  // namespace
}  // namespace golong
