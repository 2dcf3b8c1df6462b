#include "golong/plugin.hpp"
#include "plugins/common/item_reward.h"
#include "plugins/rewards/math_verify/evaluate.h"
#include "plugins/rewards/math_verify/math_score.h"
#include "plugins/rewards/math_verify/retrieval.h"

namespace {

using namespace golong::sdk;
namespace plugins = golong::plugins;
namespace math = plugins::math;

// The answer alone, or, for the variant retrieval_calculate, the right documents and then the answer.
class MathVerify : public Reward {
 public:
  struct Prepared {
    math::MathGold answer;
    bool retrieval = false;
    std::set<std::string, std::less<>> documents;
  };
  explicit MathVerify(const Params& params) : mode_(plugins::mode_from(params.text("mode"))) {}

  Prepared prepare(const Gold& gold) const {
    if (!gold.has_label()) throw Unscorable("the gold answer has no label (ground_truth.golden_label)");
    Prepared prepared{math::MathGold(std::string(gold.label()), mode_)};
    prepared.retrieval = gold.variant() == "retrieval_calculate";
    if (prepared.retrieval) {
      if (!gold.has_items()) throw Unscorable("the gold answer names no documents (ground_truth.doc_ids)");
      for (size_t i = 0; i < gold.size(); ++i) prepared.documents.emplace(gold.item(i));
    }
    return prepared;
  }

  double score(const Prepared& gold, const Response& response, const Call& call) const {
    std::string_view text = response.text(), answer = response.answer();
    if (gold.retrieval) {
      auto documents = math::tagged(answer, "relevant_doc_ids"), reasoning = math::tagged(answer, "continue_reasoning");
      if (!documents || !reasoning || math::document_ids(*documents) != gold.documents) return 0;
      text = answer = *reasoning;
    }
    try {
      return gold.answer.score(text, answer, [&call] { return call.cancelled(); });
    } catch (const math::Interrupted&) {
      throw Cancelled();
    }
  }

 private:
  plugins::Mode mode_;
};

}  // namespace

GOLONG_LIBRARY("math_verify", reward<MathVerify>("math_verify", "1.0.0", "1 when the answer has the value of the gold",
                                                 {plugins::mode_param()}, thread_safe))
