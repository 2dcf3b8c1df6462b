// Choosing tokens: the noise, the cut-offs, and that the fast search finds what a plain one finds.
#include "core/rollout/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/base/random.h"

namespace golong {
namespace {

std::vector<float> random_logits(size_t count, double spread, uint64_t seed) {
  RandomSequence random(random_key({seed}));
  std::vector<float> logits(count);
  for (float& x : logits) x = static_cast<float>(spread * (random.uniform() - 0.5));
  return logits;
}

double gumbel(uint64_t key, uint64_t token) { return -std::log(-std::log(uniform(random_bits(key, token)))); }

// The definition, token by token, over the tokens that `allowed` names.
int32_t plain_choice(const std::vector<float>& logits, double temperature, uint64_t key,
                     const std::vector<int32_t>& allowed) {
  auto score = [&](int32_t i) { return logits[i] / temperature + gumbel(key, i); };
  return *std::max_element(allowed.begin(), allowed.end(), [&](int32_t a, int32_t b) { return score(a) < score(b); });
}

std::vector<int32_t> all_tokens(size_t count) {
  std::vector<int32_t> tokens(count);
  std::iota(tokens.begin(), tokens.end(), 0);
  return tokens;
}

std::vector<int32_t> by_likelihood(const std::vector<float>& logits) {
  std::vector<int32_t> tokens = all_tokens(logits.size());
  std::stable_sort(tokens.begin(), tokens.end(), [&](int32_t a, int32_t b) { return logits[a] > logits[b]; });
  return tokens;
}

double logprob(const std::vector<float>& logits, int32_t token, double temperature) {
  double highest = *std::max_element(logits.begin(), logits.end()), sum = 0;
  for (float x : logits) sum += std::exp((x - highest) / temperature);
  return (logits[token] - highest) / temperature - std::log(sum);
}

TEST(ChooseToken, FindsWhatTheDefinitionFinds) {
  int differs_from_greedy = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    for (size_t count : {1, 5, 16, 33, 1000}) {
      std::vector<float> logits = random_logits(count, seed % 3 ? 8 : 0.1, seed);
      double temperature = seed % 2 ? 1.0 : 0.4;
      TokenChoice choice = choose_token(logits, {.temperature = temperature}, {}, random_key({seed, 1}));
      EXPECT_EQ(choice.token, plain_choice(logits, temperature, random_key({seed, 1}), all_tokens(count)));
      EXPECT_NEAR(choice.logprob, logprob(logits, choice.token, 1), 4e-6 * count + 1e-5);
      EXPECT_NEAR(choice.sampled_logprob, logprob(logits, choice.token, temperature), 4e-6 * count + 1e-5);
      differs_from_greedy += choice.token != by_likelihood(logits).front();
    }
  }
  EXPECT_GT(differs_from_greedy, 500);  // the noise does something
}

TEST(ChooseToken, SamplesInProportionToTheProbabilities) {
  std::vector<float> logits = {1.0f, 0.0f, -1.0f, 0.5f};
  std::vector<double> counts(4, 0);
  const int draws = 40000;
  for (int i = 0; i < draws; ++i) ++counts[choose_token(logits, {}, {}, random_key({7, uint64_t(i)})).token];
  for (int i = 0; i < 4; ++i) {
    double p = std::exp(logprob(logits, i, 1));
    EXPECT_NEAR(counts[i] / draws, p, 4 * std::sqrt(p * (1 - p) / draws)) << "token " << i;
  }
}

TEST(ChooseToken, TemperatureZeroTakesTheMostLikelyAndTheLowerIdOfEquals) {
  std::vector<float> logits = {0, 3, 1, 3};
  TokenChoice choice = choose_token(logits, {.temperature = 0}, {}, 5);
  EXPECT_EQ(choice.token, 1);
  EXPECT_NEAR(choice.logprob, logprob(logits, 1, 1), 1e-6);
  EXPECT_EQ(choice.sampled_logprob, 0);
}

TEST(ChooseToken, TopKAndTopPLeaveTheLikeliest) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    std::vector<float> logits = random_logits(200, 10, seed);
    std::vector<int32_t> order = by_likelihood(logits);
    auto first = [&](size_t count) { return std::vector<int32_t>(order.begin(), order.begin() + count); };
    uint64_t key = random_key({seed, 2});
    EXPECT_EQ(choose_token(logits, {.top_k = 7}, {}, key).token, plain_choice(logits, 1, key, first(7)));

    // top-p: the fewest of the likeliest that have p together; at the temperature that is sampled at
    double temperature = 0.7, total = 0, mass = 0;
    size_t kept = 0;
    for (float x : logits) total += std::exp(x / temperature);
    while (mass < 0.8) mass += std::exp(logits[order[kept++]] / temperature) / total;
    TokenChoice choice = choose_token(logits, {.temperature = temperature, .top_p = 0.8}, {}, key);
    EXPECT_EQ(choice.token, plain_choice(logits, temperature, key, first(kept)));
    const size_t nucleus = kept;
    // min-p: what has a share of the likeliest's probability; with the others, what all of them leave.
    kept = 0;
    while (kept < 200 && std::exp((logits[order[kept]] - logits[order[0]]) / temperature) >= 0.1) ++kept;
    EXPECT_EQ(choose_token(logits, {.temperature = temperature, .min_p = 0.1}, {}, key).token,
              plain_choice(logits, temperature, key, first(kept)));
    EXPECT_EQ(choose_token(logits, {.temperature = temperature, .top_k = 2, .min_p = 0.1}, {}, key).token,
              plain_choice(logits, temperature, key, first(std::min<size_t>(kept, 2))));
    // One log-probability is the model's own, the other that among the tokens that were left.
    const auto check = [&](const TokenChoice& made, double at, size_t left) {
      double sum = 0;
      for (size_t i = 0; i < left; ++i) sum += std::exp(logits[order[i]] / at);
      EXPECT_NEAR(made.logprob, logprob(logits, made.token, 1), 1e-4);
      EXPECT_NEAR(made.sampled_logprob, logits[made.token] / at - std::log(sum), 1e-4);
    };
    check(choice, temperature, nucleus);
    check(choose_token(logits, {.top_k = 7}, {}, key), 1, 7);
    check(choose_token(logits, {.temperature = temperature, .min_p = 0.1}, {}, key), temperature, kept);
  }
}

TEST(ChooseToken, ASmallChangeOfTheLogitsHardlyEverChangesTheToken) {
  int changed = 0;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    std::vector<float> logits = random_logits(2000, 6, seed), moved = logits;
    RandomSequence random(random_key({seed, 3}));
    for (float& x : moved) x += static_cast<float>(2e-6 * (random.uniform() - 0.5));
    uint64_t key = random_key({seed, 4});
    changed += choose_token(logits, {}, {}, key).token != choose_token(moved, {}, {}, key).token;
  }
  EXPECT_LE(changed, 1);
}

TEST(ChooseToken, LogitsThatAreNotFiniteGiveNoLogprob) {
  EXPECT_TRUE(std::isnan(choose_token(std::vector<float>{0, NAN, 1}, {}, {}, 1).logprob));
  EXPECT_TRUE(std::isnan(choose_token(std::vector<float>{0, INFINITY, 1}, {}, {}, 1).logprob));
  EXPECT_EQ(choose_token(std::vector<float>{-INFINITY, 2, -INFINITY}, {}, {}, 1).token, 1);
}

}  // namespace
}  // namespace golong
