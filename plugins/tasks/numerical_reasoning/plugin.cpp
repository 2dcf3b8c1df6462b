// The task numerical_reasoning: paper A.2, A.5.
#include "plugins/common/document_task.h"
#include "plugins/tasks/numerical_reasoning/generate.h"

namespace golong::numerical_reasoning {
namespace {

struct NumericalReasoning : documents::DocumentTask {
  static constexpr const char* default_reward = "math_verify";
  NumericalReasoning() : DocumentTask(numerical_reasoning::suits, numerical_reasoning::generate) {}

  std::string answer(const sdk::Gold& gold) override {
    std::string boxed = "\\boxed{" + documents::label_of(gold) + "}";
    if (gold.variant() != "retrieval_calculate") return boxed;
    // These rows also ask which documents the number comes from.
    return "<relevant_doc_ids>" + documents::join(gold.items(), " ") + "</relevant_doc_ids>\n<continue_reasoning>" +
           boxed + "</continue_reasoning>";
  }
};

}  // namespace
}  // namespace golong::numerical_reasoning

GOLONG_LIBRARY("numerical_reasoning",
               golong::sdk::task<golong::numerical_reasoning::NumericalReasoning>(
                   "numerical_reasoning", "1.0.0", "Count, add and compare numbers found in a long document", {},
                   golong::sdk::thread_safe))
