// Byte-pair encoding of one word: the pair of neighbours that was learned first is merged first, until none is left.
#pragma once
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace golong {

// Read only after it is filled; then thread-safe.
class Bpe {
 public:
  // `tokens`: bytes of each token -> id. All 256 single bytes must be there (checked by the caller).
  // `whole_words`: a word that is a token is that token, whatever the merges say (`ignore_merges`).
  Bpe(boost::unordered_flat_map<std::string, int32_t> tokens, bool whole_words);

  // The next merge; earlier ones go first, and a pair that stands twice counts with its last rank.
  void add_merge(int32_t left, int32_t right, int32_t merged);

  // Appends the ids of a word's bytes. O(n log n) in the word's length.
  void encode(std::string_view word, std::vector<int32_t>& ids) const;

 private:
  struct Merge {
    uint32_t rank;
    int32_t merged;
  };
  const Merge* find(int32_t left, int32_t right) const;
  void merge_few(std::vector<int32_t>& symbols) const;
  void merge_many(std::vector<int32_t>& symbols) const;

  boost::unordered_flat_map<std::string, int32_t> tokens_;
  boost::unordered_flat_map<uint64_t, Merge> merges_;
  int32_t of_byte_[256];
  uint32_t next_rank_ = 0;
  bool whole_words_;
};

}  // namespace golong
