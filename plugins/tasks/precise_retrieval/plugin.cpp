// The task precise_retrieval: paper A.2, A.5.
#include "plugins/common/document_task.h"
#include "plugins/tasks/precise_retrieval/generate.h"

namespace golong::precise_retrieval {
namespace {

struct PreciseRetrieval : documents::DocumentTask {
  static constexpr const char* default_reward = "em";
  PreciseRetrieval() : DocumentTask(precise_retrieval::suits, precise_retrieval::generate) {}

  std::string answer(const sdk::Gold& gold) override { return documents::label_of(gold); }
};

}  // namespace
}  // namespace golong::precise_retrieval

GOLONG_LIBRARY("precise_retrieval",
               golong::sdk::task<golong::precise_retrieval::PreciseRetrieval>(
                   "precise_retrieval", "1.0.0", "Find one span in a long document and copy it exactly", {},
                   golong::sdk::thread_safe))
