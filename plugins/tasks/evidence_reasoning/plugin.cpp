// The task evidence_reasoning: paper A.2, A.5.
#include "plugins/common/document_task.h"
#include "plugins/tasks/evidence_reasoning/generate.h"

namespace golong::evidence_reasoning {
namespace {

struct EvidenceReasoning : documents::DocumentTask {
  static constexpr const char* default_reward = "accuracy";
  EvidenceReasoning() : DocumentTask(evidence_reasoning::suits, evidence_reasoning::generate) {}

  std::string answer(const sdk::Gold& gold) override {
    // LongBench-Pro questions with the metric Accuracy come here too: their gold is an item, not a letter.
    if (!gold.has_label() || (gold.label().empty() && gold.size() > 0)) return documents::list_of(gold);
    std::string label = documents::label_of(gold);
    bool letter = label.size() == 1 && label[0] >= 'A' && label[0] <= 'D';
    return letter ? "The correct answer is (" + label + ")" : label;
  }
};

}  // namespace
}  // namespace golong::evidence_reasoning

GOLONG_LIBRARY("evidence_reasoning",
               golong::sdk::task<golong::evidence_reasoning::EvidenceReasoning>(
                   "evidence_reasoning", "1.0.0", "Choose among four answers by the evidence in a long document", {},
                   golong::sdk::thread_safe))
