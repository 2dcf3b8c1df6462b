// One longest common subsequence of two word sequences, with the choices of the published code (paper C.4): walking
// back from the ends, equal words are taken; else the step goes up (drops a word of the reference) only where the
// length table is larger there, and left (drops a word of the hypothesis) on ties.
//
// Bit-parallel: the table's rows are kept as bits "one more than to the left", which is all that the walk asks for.
// Time O(|ref| * |hyp| / 64). Memory: with a step limit, |hyp| / 8 bytes a word-row for the last `max_steps` columns
// only; without one, rows are recomputed in blocks from checkpoints, O(sqrt(|ref|) * |hyp| / 8) bytes.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace golong::plugins {

using Words = std::vector<uint32_t>;  // ids of words

// A hypothesis sentence prepared for many reference sentences.
class LcsTarget {
 public:
  explicit LcsTarget(const Words& words);

  const Words& words() const { return words_; }
  size_t blocks() const { return blocks_; }

  // Sets mask[0, blocks()) to the places of `word`. REQUIRES: mask holds zeros.
  void set(uint32_t word, std::vector<uint64_t>& mask) const;
  void clear(uint32_t word, std::vector<uint64_t>& mask) const;
  bool has(uint32_t word) const;

 private:
  struct Places {
    uint32_t word;
    uint32_t first, count;  // of places_
  };
  const Places* find(uint32_t word) const;

  Words words_;
  size_t blocks_;
  std::vector<Places> index_;  // sorted by word
  std::vector<uint32_t> places_;
};

struct Cancelled {};

// Finds the subsequences of one hypothesis sentence after the other with all sentences of a reference.
class SubsequenceFinder {
 public:
  // Ids below `known` are words of the reference. `max_steps` limits a walk: the number of calls that the recursive
  // original makes, the last one included; 0 is no limit. `cancelled` is asked now and then.
  SubsequenceFinder(uint32_t known, size_t max_steps, const std::function<bool()>& cancelled)
      : max_steps_(max_steps), cancelled_(cancelled), places_(known, 0) {}

  void set_hypothesis(const Words& words);

  // Appends the words of the subsequence (last first, repeats kept) to `taken`. Returns false where the limit is
  // exceeded. Throws Cancelled where `cancelled` says so.
  bool find(const Words& reference, std::vector<uint32_t>& taken);

 private:
  static constexpr size_t kShort = 64;
  bool find_in_short(const Words& reference, std::vector<uint32_t>& taken);
  void count_work(size_t words);

  size_t max_steps_;
  const std::function<bool()>& cancelled_;
  size_t work_ = 0;
  const Words* hypothesis_ = nullptr;
  std::vector<uint64_t> places_;  // of each word of the reference in a short hypothesis, as bits
  std::vector<uint64_t> rows_;    // of the table of a short hypothesis
  std::optional<LcsTarget> long_target_;
};

}  // namespace golong::plugins
