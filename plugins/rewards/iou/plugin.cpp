#include "golong/plugin.hpp"
#include "plugins/common/item_reward.h"
#include "plugins/rewards/iou/table.h"

namespace {

using namespace golong::sdk;
namespace plugins = golong::plugins;

class TableIou : public Reward {
 public:
  using Prepared = plugins::GoldTable;
  explicit TableIou(const Params& params) : mode_(plugins::mode_from(params.text("mode"))) {}

  Prepared prepare(const Gold& gold) const {
    try {
      return plugins::gold_table(gold.json());
    } catch (const std::runtime_error& e) {
      throw Unscorable(std::string("the gold table cannot be read: ") + e.what());
    }
  }

  double score(const Prepared& gold, const Response& response, const Call& call) const {
    call.check();
    return plugins::table_iou(gold, plugins::answer_text(response.text(), response.answer(), mode_));
  }

 private:
  plugins::Mode mode_;
};

}  // namespace

GOLONG_LIBRARY("iou", reward<TableIou>("iou", "1.0.0",
                                       "intersection over union of the rows of a JSON table between <answer> tags",
                                       {plugins::mode_param()}, thread_safe))
