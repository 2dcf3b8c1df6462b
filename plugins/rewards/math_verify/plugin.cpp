// The rewards that compare values: of the answer alone, of a retrieval with a calculation, of what a judge should
// compare.
#include "golong/plugin.hpp"
#include "plugins/common/item_reward.h"
#include "plugins/rewards/math_verify/evaluate.h"
#include "plugins/rewards/math_verify/judge.h"
#include "plugins/rewards/math_verify/math_score.h"
#include "plugins/rewards/math_verify/retrieval.h"

namespace {

using namespace golong::sdk;
namespace plugins = golong::plugins;
namespace math = plugins::math;

// A reward over a gold that is made from (gold, mode) and asked for score(response, cancelled).
template <class GoldAnswer>
class ValueReward : public Reward {
 public:
  using Prepared = GoldAnswer;
  explicit ValueReward(const Params& params) : mode_(plugins::mode_from(params.text("mode"))) {}

  Prepared prepare(const Gold& gold) const { return GoldAnswer(gold, mode_); }

  double score(const Prepared& gold, const Response& response, const Call& call) const {
    try {
      return gold.score(response, [&call] { return call.cancelled(); });
    } catch (const math::Interrupted&) {
      throw Cancelled();
    }
  }

 private:
  plugins::Mode mode_;
};

class LabelGold {
 public:
  LabelGold(const Gold& gold, plugins::Mode mode) : answer_(math::label_of(gold), mode) {}
  double score(const Response& response, const math::Stop& cancelled) const {
    return answer_.score(response.text(), response.answer(), cancelled);
  }

 private:
  math::MathGold answer_;
};

}  // namespace

GOLONG_LIBRARY(
    "math_verify",
    reward<ValueReward<LabelGold>>("math_verify", "1.0.0", "1 when the answer has the value of the gold",
                                   {plugins::mode_param()}, thread_safe),
    reward<ValueReward<math::RetrievalGold>>(
        "retrieval_calculate", "1.0.0", "1 when the right documents are named and the answer has the value of the gold",
        {plugins::mode_param()}, thread_safe),
    reward<ValueReward<math::JudgedGold>>("model_judge", "1.0.0",
                                          "1 when the answer is the reference; no score where a judge model is needed",
                                          {plugins::mode_param()}, thread_safe))
