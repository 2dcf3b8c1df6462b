#include "golong/plugin.hpp"
#include "plugins/common/item_reward.h"
#include "plugins/rewards/accuracy/choice.h"

namespace {

using namespace golong::sdk;
namespace plugins = golong::plugins;

// Two questions in one reward: the choice letter of `selection` rows, the first item of LongBench-Pro rows.
class Accuracy : public Reward {
 public:
  struct Prepared {
    bool choice = false;
    std::string label;
    std::optional<std::string> first;  // item, where there is one
  };
  explicit Accuracy(const Params& params) : mode_(plugins::mode_from(params.text("mode"))) {}

  Prepared prepare(const Gold& gold) const {
    Prepared prepared;
    // A subtask of LongBench-Pro has items, and scores 0 without them; a row of anyone else's source may have either.
    const std::string_view variant = gold.variant();
    const bool subtask = variant.starts_with("T3.") || variant.starts_with("T11.");
    prepared.choice = variant == "selection" || (!subtask && gold.size() == 0 && !gold.label().empty());
    if (!prepared.choice) {
      plugins::require_items(gold);
      if (gold.size() > 0) prepared.first = plugins::normalize_item(gold.item(0));
    } else if (gold.has_label()) {
      prepared.label = gold.label();
    } else {
      throw Unscorable("the gold answer has no label (ground_truth.golden_label)");
    }
    return prepared;
  }

  double score(const Prepared& gold, const Response& response, const Call&) const {
    if (gold.choice) return plugins::choice_accuracy(gold.label, response.answer());
    if (!gold.first) return 0;
    return plugins::first_predicted_item(response.text(), response.answer(), mode_) == gold.first ? 1 : 0;
  }

 private:
  plugins::Mode mode_;
};

}  // namespace

GOLONG_LIBRARY("accuracy", reward<Accuracy>("accuracy", "1.0.0",
                                            "1 when the chosen letter, or the first line of the answer, is right",
                                            {plugins::mode_param()}, thread_safe))
