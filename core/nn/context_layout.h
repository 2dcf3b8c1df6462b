// How context ranks share the tokens of a group. A prompt is cut into 2 C chunks for C ranks, of which rank c computes
// the chunks c and 2 C - 1 - c: what a token costs grows with its place, and an early chunk and a late one together
// cost the same for all ranks. Responses are dealt out whole. Plain arithmetic that every rank does for all ranks.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace golong::nn {

// Some tokens of a prompt, one after the other; maybe none.
struct Chunk {
  int64_t start = 0, tokens = 0;
  int64_t end() const { return start + tokens; }
};

// Chunk `index` of 2 * ranks. They differ by a token at most; of a prompt with fewer tokens than that some are empty,
// but never the last one.
Chunk prompt_chunk(int64_t prompt, int64_t index, int64_t ranks);

// The chunks of a rank, in order, and its tokens. The prompt's last token is rank 0's.
std::array<Chunk, 2> prompt_chunks(int64_t prompt, int64_t rank, int64_t ranks);
int64_t prompt_tokens(int64_t prompt, int64_t rank, int64_t ranks);

// Which responses each rank computes: indices in ascending order, by rank. The longest are dealt first, each to the
// rank with the fewest tokens; of several it is the first one from rank `first` on, so that groups of few responses do
// not all burden the same.
std::vector<std::vector<size_t>> deal_responses(const std::vector<int64_t>& lengths, int64_t ranks, int64_t first = 0);

// One group in a micro-batch of context ranks. A rank's rows of it are [first chunk | second chunk | its responses].
struct ContextLayout {
  int64_t prompt = 0;                           // tokens of all chunks; 0 only in a pass of nothing
  std::vector<std::vector<int64_t>> responses;  // [ranks] tokens of each response that the rank computes

  int64_t response_tokens(int64_t rank) const;
};

}  // namespace golong::nn
