#include "golong/plugin.hpp"
#include "plugins/common/item_reward.h"
#include "plugins/rewards/f1/f1.h"

namespace {

using namespace golong::sdk;
namespace plugins = golong::plugins;

double metric(const plugins::ItemList& gold, const plugins::ItemList& predicted, plugins::Mode) {
  return plugins::f1_score(gold, predicted);
}

}  // namespace

GOLONG_LIBRARY("f1",
               reward<plugins::ItemReward<metric>>("f1", "1.0.0",
                                                   "F1 of the lines of the answer against the gold items, as sets",
                                                   {plugins::mode_param()}, thread_safe))
