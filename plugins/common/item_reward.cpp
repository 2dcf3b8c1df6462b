#include "plugins/common/item_reward.h"

namespace golong::plugins {

void require_items(const sdk::Gold& gold) {
  if (!gold.has_items()) {
    throw sdk::Unscorable("the gold answer has no list of items (ground_truth.doc_ids); this reward needs one");
  }
}

Items gold_items(const sdk::Gold& gold) {
  require_items(gold);
  ItemList items;
  items.reserve(gold.size());
  for (size_t i = 0; i < gold.size(); ++i) items.push_back(gold.item(i));
  return normalize_items(items);
}

}  // namespace golong::plugins
