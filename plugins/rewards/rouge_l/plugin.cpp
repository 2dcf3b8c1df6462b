#include "plugins/common/item_reward.h"
#include "plugins/rewards/rouge_l/summary_reward.h"

using namespace golong::sdk;
namespace plugins = golong::plugins;

GOLONG_LIBRARY("rouge_l",
               reward<plugins::SummaryReward>(
                   "rouge_l", "1.0.0", "ROUGE-L of a summary against the best of its references, Chinese by words",
                   {plugins::mode_param(),
                    text("dictionary", "",
                         "word dictionary for Chinese: a file made by compile_dictionary.py, or its folder; empty: the "
                         "one that golong was built with")},
                   thread_safe))
