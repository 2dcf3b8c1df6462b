#include "plugins/common/item_reward.h"

#include <algorithm>
#include <string>

namespace golong::plugins {

void require_items(const sdk::Gold& gold) {
  if (!gold.has_items()) {
    throw sdk::Unscorable("the gold answer has no list of items (ground_truth.doc_ids); this reward needs one");
  }
}

Items gold_items(const sdk::Gold& gold) {
  require_items(gold);
  if (gold.size() == 0) return {};
  // As lines of one text, so that they are read as the response is. A line feed in an item is whitespace like any
  // other.
  std::string text;
  for (size_t i = 0; i < gold.size(); ++i) {
    if (i > 0) text += '\n';
    const size_t start = text.size();
    text += gold.item(i);
    std::replace(text.begin() + static_cast<ptrdiff_t>(start), text.end(), '\n', ' ');
  }
  return read_lines(text, true);
}

}  // namespace golong::plugins
