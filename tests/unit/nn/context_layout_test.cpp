#include "core/nn/context_layout.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

namespace golong::nn {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(PromptChunks, CoverEachTokenOnceOnEqualRanks) {
  for (const int64_t ranks : {1, 2, 3, 4, 8}) {
    for (int64_t prompt = 1; prompt < 100; ++prompt) {
      std::vector<int> covered(static_cast<size_t>(prompt), 0);
      int64_t fewest = prompt, most = 0;
      for (int64_t rank = 0; rank < ranks; ++rank) {
        for (const Chunk& chunk : prompt_chunks(prompt, rank, ranks)) {
          for (int64_t i = chunk.start; i < chunk.end(); ++i) ++covered[static_cast<size_t>(i)];
        }
        fewest = std::min(fewest, prompt_tokens(prompt, rank, ranks));
        most = std::max(most, prompt_tokens(prompt, rank, ranks));
      }
      EXPECT_THAT(covered, Each(1)) << prompt << " tokens on " << ranks;
      EXPECT_LE(most - fewest, 2) << prompt << " tokens on " << ranks;
      EXPECT_EQ(prompt_chunks(prompt, 0, ranks)[1].end(), prompt);
      EXPECT_GT(prompt_chunks(prompt, 0, ranks)[1].tokens, 0);  // rank 0 has the last token
    }
  }
}

TEST(PromptChunks, ShareTheCausalTriangleEvenly) {
  for (const int64_t ranks : {2, 4, 8}) {
    constexpr int64_t kPrompt = 10000;
    const double even = kPrompt * (kPrompt + 1.0) / 2 / static_cast<double>(ranks);
    for (int64_t rank = 0; rank < ranks; ++rank) {
      double pairs = 0;
      for (const Chunk& chunk : prompt_chunks(kPrompt, rank, ranks)) {
        for (int64_t i = chunk.start; i < chunk.end(); ++i) pairs += static_cast<double>(i + 1);
      }
      EXPECT_NEAR(pairs / even, 1, 0.001) << "rank " << rank << " of " << ranks;
    }
  }
}

int64_t tokens_of(const std::vector<size_t>& responses, const std::vector<int64_t>& lengths) {
  int64_t tokens = 0;
  for (const size_t response : responses) tokens += lengths[response];
  return tokens;
}

// The least that the most burdened rank can have.
int64_t best(const std::vector<int64_t>& lengths, std::vector<int64_t> tokens, size_t next = 0) {
  if (next == lengths.size()) return *std::max_element(tokens.begin(), tokens.end());
  int64_t least = INT64_MAX;
  for (int64_t& rank : tokens) {
    rank += lengths[next];
    least = std::min(least, best(lengths, tokens, next + 1));
    rank -= lengths[next];
  }
  return least;
}

TEST(DealResponses, GivesEachToOneRankAndKeepsTheBalance) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 200; ++round) {
    const auto ranks = static_cast<int64_t>(1 + random() % 4);
    std::vector<int64_t> lengths(random() % 8);
    for (int64_t& length : lengths) length = static_cast<int64_t>(random() % 50);
    const auto dealt = deal_responses(lengths, ranks, static_cast<int64_t>(random() % 9));
    ASSERT_EQ(dealt.size(), static_cast<size_t>(ranks));
    std::vector<int> count(lengths.size(), 0);
    int64_t most = 0;
    for (const auto& responses : dealt) {
      EXPECT_TRUE(std::is_sorted(responses.begin(), responses.end()));
      for (const size_t response : responses) ++count[response];
      most = std::max(most, tokens_of(responses, lengths));
    }
    EXPECT_THAT(count, Each(1));
    const auto c = static_cast<double>(ranks);  // Graham's bound of this order
    EXPECT_LE(static_cast<double>(most),
              (4.0 / 3 - 1 / (3 * c)) *
                      static_cast<double>(best(lengths, std::vector<int64_t>(static_cast<size_t>(ranks), 0))) +
                  1e-9);
  }
}

TEST(DealResponses, BeginsWithTheRankThatItIsTold) {
  EXPECT_THAT(deal_responses({5}, 3, 1), ElementsAre(IsEmpty(), ElementsAre(0), IsEmpty()));
  EXPECT_THAT(deal_responses({5, 9, 3}, 2), ElementsAre(ElementsAre(1), ElementsAre(0, 2)));
  EXPECT_THAT(deal_responses({5, 9, 3}, 2, 1), ElementsAre(ElementsAre(0, 2), ElementsAre(1)));
  EXPECT_THAT(deal_responses({4, 1, 7}, 1), ElementsAre(ElementsAre(0, 1, 2)));
}

TEST(ContextLayout, CountsTheTokensOfARank) {
  const ContextLayout layout{10, {{3, 4}, {}, {5}}};
  EXPECT_EQ(layout.response_tokens(0), 7);
  EXPECT_EQ(layout.response_tokens(1), 0);
  EXPECT_EQ(layout.response_tokens(2), 5);
}

}  // namespace
}  // namespace golong::nn
