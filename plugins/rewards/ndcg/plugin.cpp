#include "golong/plugin.hpp"
#include "plugins/common/item_reward.h"
#include "plugins/rewards/ndcg/ndcg.h"

namespace {

using namespace golong::sdk;
namespace plugins = golong::plugins;

double metric(const plugins::ItemList& gold, const plugins::ItemList& predicted, plugins::Mode) {
  return plugins::ndcg_score(gold, predicted);
}

}  // namespace

GOLONG_LIBRARY("ndcg",
               reward<plugins::ItemReward<metric>>("ndcg", "1.0.0",
                                                   "NDCG of the lines of the answer as a ranking of the gold items",
                                                   {plugins::mode_param()}, thread_safe))
