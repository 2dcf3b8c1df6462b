#include "golong/plugin.hpp"
#include "plugins/common/item_reward.h"
#include "plugins/rewards/math_verify/evaluate.h"
#include "plugins/rewards/math_verify/math_score.h"

namespace {

using namespace golong::sdk;
namespace plugins = golong::plugins;

class MathVerify : public Reward {
 public:
  using Prepared = plugins::math::MathGold;
  explicit MathVerify(const Params& params) : mode_(plugins::mode_from(params.text("mode"))) {}

  Prepared prepare(const Gold& gold) const {
    if (!gold.has_label()) throw Unscorable("the gold answer has no label (ground_truth.golden_label)");
    return Prepared(std::string(gold.label()), mode_);
  }

  double score(const Prepared& gold, const Response& response, const Call& call) const {
    try {
      return gold.score(response.text(), response.answer(), [&call] { return call.cancelled(); });
    } catch (const plugins::math::Interrupted&) {
      throw Cancelled();
    }
  }

 private:
  plugins::Mode mode_;
};

}  // namespace

GOLONG_LIBRARY("math_verify", reward<MathVerify>("math_verify", "1.0.0", "1 when the answer has the value of the gold",
                                                 {plugins::mode_param()}, thread_safe))
