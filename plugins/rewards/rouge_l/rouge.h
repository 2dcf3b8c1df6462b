// ROUGE-L F of a text against references (paper C.4): summary level, over sets of words, with the union of the longest
// common subsequences of all sentence pairs. Deviations of the published code from the textbook are kept: no beta, 1e-8
// in the denominator, sentences end at every ".", decimal points too.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plugins/common/item_index.h"
#include "plugins/rewards/rouge_l/lcs.h"

namespace golong::plugins {

// The recursion of the published code ends a score with 0 when a walk takes more calls than this (paper C.10 #10).
inline constexpr size_t kPublishedCalls = 988;

// Sentences as word lists: split at ".", empty ones dropped, whitespace collapsed; a blank sentence has one empty word.
class RougeText {
 public:
  explicit RougeText(std::string text);

  const ItemList& words() const { return words_; }           // of all sentences, one after the other
  const std::vector<size_t>& ends() const { return ends_; }  // of the sentences, in words()

 private:
  std::unique_ptr<const std::string> text_;
  ItemList words_;
  std::vector<size_t> ends_;
};

// A reference, read once. Read only afterwards: thread-safe.
class RougeReference {
 public:
  explicit RougeReference(std::string text);

  // F in [0, 1). 0 where the reference or the text has no sentence, and where a walk exceeds `max_calls` (0: no limit).
  // `ok` is set to false in these cases: the published code then scores the whole response 0, other references or not.
  // Throws Cancelled where `cancelled` says so. Time: words of the text times words of the reference / 64.
  double score(const RougeText& text, size_t max_calls, const std::function<bool()>& cancelled, bool& ok) const;

 private:
  RougeText text_;
  ItemIndex ids_;
  std::vector<Words> sentences_;
};

}  // namespace golong::plugins
