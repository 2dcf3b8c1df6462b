#include "golong/plugin.hpp"
#include "plugins/common/item_reward.h"
#include "plugins/rewards/accuracy/choice.h"
#include "plugins/rewards/accuracy/first_item.h"

namespace {

using namespace golong::sdk;
namespace plugins = golong::plugins;

// Two questions in one reward: the choice letter of `selection` rows, the first item of LongBench-Pro rows.
class Accuracy : public Reward {
 public:
  struct Prepared {
    bool choice = false;
    std::string label;
    std::vector<std::string> items;
  };
  explicit Accuracy(const Params& params) : mode_(plugins::mode_from(params.text("mode"))) {}

  Prepared prepare(const Gold& gold) const {
    Prepared prepared;
    prepared.choice = gold.variant() == "selection" || (gold.size() == 0 && !gold.label().empty());
    if (!prepared.choice) {
      prepared.items = plugins::gold_items(gold);
    } else if (gold.has_label()) {
      prepared.label = gold.label();
    } else {
      throw Unscorable("the gold answer has no label (ground_truth.golden_label)");
    }
    return prepared;
  }

  double score(const Prepared& gold, const Response& response, const Call&) const {
    if (gold.choice) return plugins::choice_accuracy(gold.label, response.answer());
    return plugins::first_item_accuracy(gold.items,
                                        plugins::predicted_items(response.text(), response.answer(), mode_));
  }

 private:
  plugins::Mode mode_;
};

}  // namespace

GOLONG_LIBRARY("accuracy", reward<Accuracy>("accuracy", "1.0.0",
                                            "1 when the chosen letter, or the first line of the answer, is right",
                                            {plugins::mode_param()}, thread_safe))
