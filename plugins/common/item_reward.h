// What the rewards over lists of items (f1, sub_em, ndcg, pairwise, accuracy) share: the parameter `mode`, the gold
// items read once, the predicted items read from the response.
#pragma once
#include <string>
#include <vector>

#include "golong/plugin.hpp"
#include "plugins/common/answer_lines.h"
#include "plugins/common/mode.h"

namespace golong::plugins {

inline sdk::Param mode_param() { return sdk::text("mode", "released", kModeHelp, {"released", "strict"}); }

// The gold items, normalised. Throws Unscorable where the row has no list (an empty list is one: it scores 0).
std::vector<std::string> gold_items(const sdk::Gold& gold);

// A reward whose score is a function of gold items and predicted items.
template <double (*Metric)(const std::vector<std::string>&, const std::vector<std::string>&, Mode)>
class ItemReward : public sdk::Reward {
 public:
  using Prepared = std::vector<std::string>;
  explicit ItemReward(const sdk::Params& params) : mode_(mode_from(params.text("mode"))) {}
  Prepared prepare(const sdk::Gold& gold) const { return gold_items(gold); }
  double score(const Prepared& gold, const sdk::Response& response, const sdk::Call& call) const {
    if (gold.empty()) return 0;
    std::vector<std::string> predicted = predicted_items(response.text(), response.answer(), mode_);
    call.check();
    return Metric(gold, predicted, mode_);
  }

 private:
  Mode mode_;
};

}  // namespace golong::plugins
