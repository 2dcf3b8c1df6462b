// Generation by ranks that share the experts of a model: the tokens are those of one process, whoever has the prompts.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/rollout/engine.h"
#include "tests/distributed/expert_ranks.h"

namespace golong {
namespace {

using parallel::on_ranks;
using parallel::World;

Sampling some_sampling() {
  Sampling sampling;
  sampling.n = 3;
  sampling.max_response_tokens = 20;
  sampling.stop_ids = {7, 8};
  return sampling;
}

Sampling long_responses() {
  Sampling sampling;
  sampling.n = 2;
  sampling.max_response_tokens = 130;
  return sampling;
}

// Three prompts of different lengths.
std::vector<Prompt> some_prompts() {
  std::vector<Prompt> prompts;
  for (const size_t length : {70, 3, 100}) {
    Prompt& prompt = prompts.emplace_back(random_group(length, {}, length).prompt);
    prompt.key = length;
    prompt.uid = "row " + std::to_string(length);
  }
  return prompts;
}

std::vector<Group> generate(RolloutEngine& engine, std::vector<Prompt> prompts,
                            const Sampling& sampling = some_sampling(), const RolloutHooks& hooks = {}) {
  return engine.generate(std::move(prompts), sampling, 11, Stream::train, 5, hooks);
}

// The prompts of which a rank is told are its own.
std::vector<Prompt> dealt(const std::vector<int64_t>& ranks, int64_t rank) {
  std::vector<Prompt> all = some_prompts(), mine;
  for (size_t i = 0; i < all.size(); ++i) {
    if (ranks[i] == rank) mine.push_back(all[i]);
  }
  return mine;
}

void expect_equal(const std::vector<Group>& got, const std::vector<Group>& all, bool exactly) {
  for (const Group& group : got) {
    const auto same =
        std::find_if(all.begin(), all.end(), [&](const Group& g) { return g.prompt.key == group.prompt.key; });
    ASSERT_NE(same, all.end());
    for (size_t r = 0; r < group.responses.size(); ++r) {
      const Response &a = group.responses[r], &b = same->responses[r];
      ASSERT_EQ(a.token_ids, b.token_ids) << group.prompt.uid << ", response " << r;
      for (size_t i = 0; i < a.logprobs.size(); ++i) {
        if (exactly) {
          ASSERT_EQ(a.logprobs[i], b.logprobs[i]);
        } else {
          ASSERT_NEAR(a.logprobs[i], b.logprobs[i], 1e-4);
        }
      }
    }
  }
}

TEST(GenerateOnExpertRanks, TokensAreThoseOfOneProcess) {
  const std::vector<std::vector<int64_t>> deals = {{0, 1, 0}, {1, 1, 1}, {1, 3, 0}};
  for (const auto& [ranks, deal] : {std::pair{2, deals[0]}, {2, deals[1]}, {4, deals[2]}}) {
    for (const bool invariant : {false, true}) {
      on_ranks(ranks, [&](World& world) {
        const std::unique_ptr<Model> whole = expert_model(at::kFloat),
                                     shared = expert_model(at::kFloat, everyone(world));
        RolloutEngine alone(*whole, {.batch_invariant = invariant}), together(*shared, {.batch_invariant = invariant});
        const std::vector<Group> expected = generate(alone, some_prompts());
        const std::vector<Group> got = generate(together, dealt(deal, world.rank().rank));
        EXPECT_EQ(got.size(), static_cast<size_t>(std::count(deal.begin(), deal.end(), world.rank().rank)));
        expect_equal(got, expected, invariant);
      });
    }
  }
}

// Prompts in parts, and on the rank of the shortest responses that give way for want of memory.
TEST(GenerateOnExpertRanks, RanksHaveDifferentNumbersOfPasses) {
  on_ranks(2, [](World& world) {
    const std::unique_ptr<Model> whole = expert_model(at::kBFloat16),
                                 shared = expert_model(at::kBFloat16, everyone(world));
    EngineOptions options{.prefill_chunk_tokens = 16, .batch_invariant = true};
    RolloutEngine alone(*whole, options);
    const std::vector<Group> expected = generate(alone, some_prompts(), long_responses());
    options.kv_cache_bytes = 5 * alone.page_bytes();  // the longest prompt and one response
    RolloutEngine together(*shared, options);
    expect_equal(generate(together, dealt({0, 1, 0}, world.rank().rank), long_responses()), expected, true);
    EXPECT_EQ(together.stats().sent_back > 0, world.rank().rank == 1);
  });
}

TEST(GenerateOnExpertRanks, WhereOneIsStoppedAllAre) {
  on_ranks(2, [](World& world) {
    const std::unique_ptr<Model> whole = expert_model(at::kFloat), shared = expert_model(at::kFloat, everyone(world));
    RolloutEngine alone(*whole, {.batch_invariant = true}), together(*shared, {.batch_invariant = true});
    // While prompts are computed, while responses grow, and by a rank that has nothing to do.
    for (const auto& [last, stopping] : {std::pair{0, 0}, {1, 1}, {9, 0}, {9, 1}}) {
      int64_t asked = 0;
      const auto stop = [&, last = last, stopping = stopping] {
        return world.rank().rank == stopping && asked++ == last;
      };
      EXPECT_THROW(generate(together, dealt({0, 0, 0}, world.rank().rank), some_sampling(), {.should_stop = stop}),
                   Stopped);
    }
    expect_equal(generate(together, dealt({0, 0, 1}, world.rank().rank)), generate(alone, some_prompts()), true);
  });
}

}  // namespace
}  // namespace golong
