// The task exhaustive_retrieval: paper A.2, A.5.
#include "plugins/common/document_task.h"
#include "plugins/tasks/exhaustive_retrieval/generate.h"

namespace golong::exhaustive_retrieval {
namespace {

struct ExhaustiveRetrieval : documents::DocumentTask {
  static constexpr const char* default_reward = "f1";
  ExhaustiveRetrieval() : DocumentTask(exhaustive_retrieval::suits, exhaustive_retrieval::generate) {}

  std::string answer(const sdk::Gold& gold) override { return documents::list_of(gold); }
};

}  // namespace
}  // namespace golong::exhaustive_retrieval

GOLONG_LIBRARY("exhaustive_retrieval",
               golong::sdk::task<golong::exhaustive_retrieval::ExhaustiveRetrieval>(
                   "exhaustive_retrieval", "1.0.0", "List everything in a long document that meets a condition", {},
                   golong::sdk::thread_safe))
