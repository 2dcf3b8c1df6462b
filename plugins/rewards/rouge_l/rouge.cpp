#include "plugins/rewards/rouge_l/rouge.h"

#include <algorithm>
#include <utility>

#include "plugins/common/unicode.h"

namespace golong::plugins {

RougeText::RougeText(std::string text) : text_(std::make_unique<const std::string>(std::move(text))) {
  words_.reserve(text_->size() / 5);
  for (std::string_view sentence : split(*text_, '.')) {
    if (sentence.empty()) continue;
    const size_t before = words_.size();
    append_words(sentence, words_);
    if (words_.size() == before) words_.emplace_back();
    ends_.push_back(words_.size());
  }
}

RougeReference::RougeReference(std::string text) : text_(std::move(text)), ids_(text_.words().size()) {
  size_t at = 0;
  for (size_t end : text_.ends()) {
    Words& words = sentences_.emplace_back();
    words.reserve(end - at);
    for (; at < end; ++at) words.push_back(ids_.add(text_.words()[at]));
  }
}

double RougeReference::score(const RougeText& text, size_t max_calls, const std::function<bool()>& cancelled,
                             bool& ok) const {
  ok = !text.ends().empty() && !sentences_.empty();
  if (!ok) return 0;

  // Words that the reference has not get ids above its own.
  const auto known = static_cast<uint32_t>(ids_.size());
  ItemIndex others(text.words().size());
  std::vector<bool> seen(known, false);
  size_t distinct = 0;
  std::vector<Words> hypothesis(text.ends().size());
  size_t longest = 0, longest_reference = 0, at = 0;
  for (size_t s = 0; s < hypothesis.size(); ++s) {
    const size_t end = text.ends()[s];
    hypothesis[s].reserve(end - at);
    for (; at < end; ++at) {
      uint32_t id = ids_.find(text.words()[at]);
      if (id == ItemIndex::kNone) {
        id = known + others.add(text.words()[at]);
      } else if (!seen[id]) {
        seen[id] = true;
        ++distinct;
      }
      hypothesis[s].push_back(id);
    }
    longest = std::max(longest, hypothesis[s].size());
  }
  distinct += others.size();
  for (const Words& sentence : sentences_) longest_reference = std::max(longest_reference, sentence.size());
  if (max_calls > 0 && std::min(longest, longest_reference) + 1 > max_calls) {
    ok = false;
    return 0;
  }

  std::vector<bool> in_union(known, false);
  size_t common = 0;
  std::vector<uint32_t> taken;
  SubsequenceFinder finder(known, max_calls, cancelled);
  for (const Words& words : hypothesis) {
    finder.set_hypothesis(words);
    for (const Words& sentence : sentences_) {
      taken.clear();
      if (!finder.find(sentence, taken)) {
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
