#include "core/text/bpe.h"

#include <algorithm>
#include <functional>

namespace golong {
namespace {

constexpr size_t few = 24;  // up to this many bytes a plain search for the best pair is faster than a heap
constexpr uint32_t no_rank = UINT32_MAX;

uint64_t pair_key(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

}  // namespace

Bpe::Bpe(boost::unordered_flat_map<std::string, int32_t> tokens, bool whole_words)
    : tokens_(std::move(tokens)), whole_words_(whole_words) {
  for (int byte = 0; byte < 256; ++byte) of_byte_[byte] = tokens_.at(std::string(1, static_cast<char>(byte)));
}

void Bpe::add_merge(int32_t left, int32_t right, int32_t merged) {
  merges_.insert_or_assign(pair_key(left, right), Merge{next_rank_++, merged});
}

const Bpe::Merge* Bpe::find(int32_t left, int32_t right) const {
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void Bpe::encode(std::string_view word, std::vector<int32_t>& ids) const {
  if (whole_words_) {
    if (const auto found = tokens_.find(std::string(word)); found != tokens_.end()) {
      ids.push_back(found->second);
      return;
    }
  }
  std::vector<int32_t> symbols;
  symbols.reserve(word.size());
  for (char byte : word) symbols.push_back(of_byte_[static_cast<unsigned char>(byte)]);
  if (symbols.size() <= few)
    merge_few(symbols);
  else
    merge_many(symbols);
  ids.insert(ids.end(), symbols.begin(), symbols.end());
}

void Bpe::merge_few(std::vector<int32_t>& symbols) const {
  Merge at[few];  // of each symbol with its right neighbour
  const auto look_up = [&](size_t i) {
    const Merge* merge = find(symbols[i], symbols[i + 1]);
    at[i] = merge ? *merge : Merge{no_rank, 0};
  };
  for (size_t i = 0; i + 1 < symbols.size(); ++i) look_up(i);
  while (symbols.size() > 1) {
    const size_t pairs = symbols.size() - 1;
    size_t best = 0;
    for (size_t i = 1; i < pairs; ++i) {
      if (at[i].rank < at[best].rank) best = i;
    }
    if (at[best].rank == no_rank) return;
    symbols[best] = at[best].merged;
    symbols.erase(symbols.begin() + static_cast<int64_t>(best) + 1);
    std::copy(at + best + 1, at + pairs, at + best);
    if (best > 0) look_up(best - 1);
    if (best + 1 < symbols.size()) look_up(best);
  }
}

void Bpe::merge_many(std::vector<int32_t>& symbols) const {
  // A doubly linked list over the positions, and a heap of (rank, position) of the merges that were possible when they
  // were seen. An entry is stale where the pair at its position has another rank by now.
  constexpr int32_t gone = -1;
  const size_t count = symbols.size();
  std::vector<uint32_t> next(count), previous(count);
  std::vector<Merge> at(count, Merge{no_rank, 0});  // of each symbol with its right neighbour
  std::vector<uint64_t> heap;
  const auto look_up = [&](size_t i) {
    const Merge* merge = next[i] < count ? find(symbols[i], symbols[next[i]]) : nullptr;
    at[i] = merge ? *merge : Merge{no_rank, 0};
    if (merge) heap.push_back(uint64_t{merge->rank} << 32 | i);
    return merge != nullptr;
  };
  for (size_t i = 0; i < count; ++i) {
    next[i] = static_cast<uint32_t>(i + 1);
    previous[i] = static_cast<uint32_t>(i - 1);  // wraps to UINT32_MAX before the first
    look_up(i);
  }
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    const auto rank = static_cast<uint32_t>(heap.back() >> 32);
    const auto i = static_cast<uint32_t>(heap.back());
    heap.pop_back();
    if (at[i].rank != rank) continue;
    const uint32_t right = next[i];
    symbols[i] = at[i].merged;
    symbols[right] = gone;
    at[right].rank = no_rank;
    next[i] = next[right];
    if (next[i] < count) previous[next[i]] = i;
    if (previous[i] < count && look_up(previous[i])) std::push_heap(heap.begin(), heap.end(), std::greater<>());
    if (look_up(i)) std::push_heap(heap.begin(), heap.end(), std::greater<>());
  }
  std::erase(symbols, gone);
}

}  // namespace golong
