#include "plugins/rewards/rouge_l/rouge.h"

#include <algorithm>

#include "plugins/common/unicode.h"

namespace golong::plugins {

std::vector<std::vector<std::string>> rouge_sentences(std::string_view text) {
  std::vector<std::vector<std::string>> sentences;
  for (std::string_view piece : split(text, '.')) {
    if (piece.empty()) continue;
    std::vector<std::string_view> words = split_whitespace(piece);
    if (words.empty()) words.emplace_back();
    sentences.emplace_back(words.begin(), words.end());
  }
  return sentences;
}

RougeReference::RougeReference(std::string_view text) {
  for (const auto& sentence : rouge_sentences(text)) {
    Words words;
    words.reserve(sentence.size());
    for (const std::string& word : sentence) {
      words.push_back(ids_.try_emplace(word, static_cast<uint32_t>(ids_.size())).first->second);
    }
    sentences_.push_back(std::move(words));
  }
}

double RougeReference::score(const std::vector<std::vector<std::string>>& text, size_t max_calls,
                             const std::function<bool()>& cancelled, bool& ok) const {
  ok = !text.empty() && !sentences_.empty();
  if (!ok) return 0;

  // Words that the reference has not get ids above its own.
  std::unordered_map<std::string_view, uint32_t> others;
  std::vector<bool> seen(ids_.size(), false);
  size_t distinct = 0;
  std::vector<Words> hypothesis(text.size());
  size_t longest = 0, longest_reference = 0;
  for (size_t s = 0; s < text.size(); ++s) {
    hypothesis[s].reserve(text[s].size());
    for (const std::string& word : text[s]) {
      if (auto known = ids_.find(word); known != ids_.end()) {
        if (!seen[known->second]) ++distinct;
        seen[known->second] = true;
        hypothesis[s].push_back(known->second);
      } else {
        hypothesis[s].push_back(
            others.try_emplace(word, static_cast<uint32_t>(ids_.size() + others.size())).first->second);
      }
    }
    longest = std::max(longest, hypothesis[s].size());
  }
  distinct += others.size();
  for (const Words& sentence : sentences_) longest_reference = std::max(longest_reference, sentence.size());
  if (max_calls > 0 && std::min(longest, longest_reference) + 1 > max_calls) {
    ok = false;
    return 0;
  }

  std::vector<bool> in_union(ids_.size(), false);
  size_t common = 0;
  std::vector<uint32_t> taken;
  for (const Words& words : hypothesis) {
    LcsTarget target(words);
    for (const Words& sentence : sentences_) {
      taken.clear();
      if (!longest_common_subsequence(sentence, target, max_calls, cancelled, taken)) {
        ok = false;
        return 0;
      }
      for (uint32_t word : taken) {
        if (!in_union[word]) ++common;
        in_union[word] = true;
      }
    }
  }
  double recall = static_cast<double>(common) / static_cast<double>(ids_.size());
  double precision = static_cast<double>(common) / static_cast<double>(distinct);
  return 2.0 * ((precision * recall) / (precision + recall + 1e-8));
}

}  // namespace golong::plugins
