#include "plugins/common/item_reward.h"

namespace golong::plugins {

std::vector<std::string> gold_items(const sdk::Gold& gold) {
  if (!gold.has_items()) {
    throw sdk::Unscorable("the gold answer has no list of items (ground_truth.doc_ids); this reward needs one");
  }
  std::vector<std::string> items;
  for (size_t i = 0; i < gold.size(); ++i) items.push_back(normalize_item(gold.item(i)));
  return items;
}

}  // namespace golong::plugins
