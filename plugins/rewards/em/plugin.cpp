#include "golong/plugin.hpp"
#include "plugins/common/item_reward.h"
#include "plugins/rewards/em/exact_match.h"

namespace {

using namespace golong::sdk;

// `mode` changes nothing here; it is accepted so that [rewards] mode may be set for all built-in rewards alike.
struct ExactMatch : Reward {
  using Prepared = std::string;
  Prepared prepare(const Gold& gold) const {
    if (!gold.has_label()) throw Unscorable("the gold answer has no label (ground_truth.golden_label)");
    return std::string(gold.label());
  }
  double score(const Prepared& label, const Response& response, const Call&) const {
    return golong::plugins::exact_match(label, response.answer());
  }
};

}  // namespace

GOLONG_LIBRARY("em",
               reward<ExactMatch>("em", "1.0.0", "1 when answer and label are the same text, whitespace around aside",
                                  {golong::plugins::mode_param()}, thread_safe))
