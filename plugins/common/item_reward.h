// What the rewards over lists of items (f1, sub_em, ndcg, pairwise, accuracy) share: the parameter `mode`, the gold
// items read once, the predicted items read from the response.
#pragma once
#include "golong/plugin.hpp"
#include "plugins/common/answer_lines.h"
#include "plugins/common/mode.h"

namespace golong::plugins {

inline sdk::Param mode_param() { return sdk::text("mode", "released", kModeHelp, {"released", "strict"}); }

// Throws Unscorable where the row has no list of items (an empty list is one: it scores 0).
void require_items(const sdk::Gold& gold);

// The gold items, normalised. Throws Unscorable.
Items gold_items(const sdk::Gold& gold);

// A reward whose score is a function of gold items and predicted items.
template <double (*Metric)(const ItemList&, const ItemList&, Mode)>
class ItemReward : public sdk::Reward {
 public:
  using Prepared = Items;
  explicit ItemReward(const sdk::Params& params) : mode_(mode_from(params.text("mode"))) {}
  Prepared prepare(const sdk::Gold& gold) const { return gold_items(gold); }
  double score(const Prepared& gold, const sdk::Response& response, const sdk::Call& call) const {
    if (gold.list.empty()) return 0;
    const Items predicted = predicted_items(response.text(), response.answer(), mode_);
    call.check();
    return Metric(gold.list, predicted.list, mode_);
  }

 private:
  Mode mode_;
};

}  // namespace golong::plugins
