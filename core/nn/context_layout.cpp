#include "core/nn/context_layout.h"

#include <algorithm>
#include <numeric>

namespace golong::nn {

Chunk prompt_chunk(int64_t prompt, int64_t index, int64_t ranks) {
  const int64_t chunks = 2 * ranks, start = prompt * index / chunks;
  return {start, prompt * (index + 1) / chunks - start};
}

std::array<Chunk, 2> prompt_chunks(int64_t prompt, int64_t rank, int64_t ranks) {
  return {prompt_chunk(prompt, rank, ranks), prompt_chunk(prompt, 2 * ranks - 1 - rank, ranks)};
}

int64_t prompt_tokens(int64_t prompt, int64_t rank, int64_t ranks) {
  const auto [early, late] = prompt_chunks(prompt, rank, ranks);
  return early.tokens + late.tokens;
}

std::vector<std::vector<size_t>> deal_responses(const std::vector<int64_t>& lengths, int64_t ranks, int64_t first) {
  std::vector<size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return lengths[a] > lengths[b]; });
  std::vector<std::vector<size_t>> dealt(static_cast<size_t>(ranks));
  std::vector<int64_t> tokens(dealt.size(), 0);
  for (const size_t response : order) {
    auto chosen = static_cast<size_t>(first % ranks);
    for (int64_t i = 1; i < ranks; ++i) {
      const auto rank = static_cast<size_t>((first + i) % ranks);
      if (tokens[rank] < tokens[chosen]) chosen = rank;
    }
    dealt[chosen].push_back(response);
    tokens[chosen] += lengths[response];
  }
  for (std::vector<size_t>& responses : dealt) std::sort(responses.begin(), responses.end());
  return dealt;
}

int64_t ContextLayout::response_tokens(int64_t rank) const {
  const std::vector<int64_t>& lengths = responses[static_cast<size_t>(rank)];
  return std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
}

}  // namespace golong::nn
