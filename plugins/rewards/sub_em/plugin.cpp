#include "golong/plugin.hpp"
#include "plugins/common/item_reward.h"
#include "plugins/rewards/sub_em/sub_em.h"

namespace {

using namespace golong::sdk;
namespace plugins = golong::plugins;

double metric(const plugins::ItemList& gold, const plugins::ItemList& predicted, plugins::Mode) {
  return plugins::sub_em_score(gold, predicted);
}

}  // namespace

GOLONG_LIBRARY("sub_em",
               reward<plugins::ItemReward<metric>>("sub_em", "1.0.0",
                                                   "share of the gold items that stand as lines in the answer",
                                                   {plugins::mode_param()}, thread_safe))
