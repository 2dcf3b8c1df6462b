#include "golong/plugin.hpp"
#include "plugins/common/item_reward.h"
#include "plugins/rewards/pairwise/pairwise.h"

namespace {

using namespace golong::sdk;
namespace plugins = golong::plugins;

double metric(const plugins::ItemList& gold, const plugins::ItemList& predicted, plugins::Mode mode) {
  return plugins::pairwise_score(gold, predicted, mode);
}

}  // namespace

GOLONG_LIBRARY("pairwise", reward<plugins::ItemReward<metric>>("pairwise", "1.0.0",
                                                               "share of pairs of lines that stand in the gold order",
                                                               {plugins::mode_param()}, thread_safe))
