// Chinese word segmentation that equals jieba 0.42.1's cut(text, cut_all=False, HMM=True) (paper C.8): the path of
// maximal probability through the words of a dictionary, and a hidden Markov model over runs of characters that no
// dictionary word covers.
//
// The dictionary is one file, made from the PyPI package by compile_dictionary.py, mapped into memory and shared. Its
// layout, little-endian, every part aligned to 8 bytes:
//   char[8] "GLSEGM01"; uint64 nodes, states; double unknown (log-probability of a character that is no word)
//   double start[4], trans[4][4]             of the states B, M, E, S
//   double weight[nodes]                     log-probability of the word that ends at a node; NaN where none does
//   uint32 label[nodes], child[nodes + 1]    the trie in breadth-first order: node i has children child[i] ..
//   child[i+1],
//                                            sorted by label (a code point); node 0 is the root
//   uint32 character[states]                 sorted; padded to 8 bytes (as the part above)
//   double emit[states][4]
// Thread-safe after construction. Time linear in the text.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace golong::plugins {

class Segmenter {
 public:
  // Throws std::runtime_error that names the file and what to do, where it is missing or no dictionary.
  explicit Segmenter(const std::filesystem::path& file);
  ~Segmenter();
  Segmenter(const Segmenter&) = delete;
  Segmenter& operator=(const Segmenter&) = delete;

  // The words in order; together they are the text.
  std::vector<std::u32string_view> cut(std::u32string_view text) const;

 private:
  struct Step {
    double weight;
    size_t end;
  };
  uint32_t find_child(uint32_t node, char32_t c) const;  // 0: none
  bool is_word(std::u32string_view text) const;
  void cut_words(std::u32string_view block, std::vector<std::u32string_view>& out) const;
  void cut_rest(std::u32string_view rest, std::vector<std::u32string_view>& out) const;
  void cut_unknown(std::u32string_view run, std::vector<std::u32string_view>& out) const;
  const double* emissions(char32_t c) const;  // nullptr: none

  void* map_ = nullptr;
  size_t size_ = 0;
  uint64_t nodes_ = 0, states_ = 0;
  double unknown_ = 0;
  const double *start_ = nullptr, *trans_ = nullptr, *weight_ = nullptr, *emit_ = nullptr;
  const uint32_t *label_ = nullptr, *child_ = nullptr, *character_ = nullptr;
};

}  // namespace golong::plugins
