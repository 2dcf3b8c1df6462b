// The task structured_matching: paper A.2, A.5.
#include "plugins/common/document_task.h"
#include "plugins/tasks/structured_matching/generate.h"

namespace golong::structured_matching {
namespace {

struct StructuredMatching : documents::DocumentTask {
  static constexpr const char* default_reward = "sub_em";
  StructuredMatching() : DocumentTask(structured_matching::suits, structured_matching::generate) {}

  std::string answer(const sdk::Gold& gold) override { return documents::list_of(gold); }
};

}  // namespace
}  // namespace golong::structured_matching

GOLONG_LIBRARY("structured_matching",
               golong::sdk::task<golong::structured_matching::StructuredMatching>(
                   "structured_matching", "1.0.0", "Match fragments of a long document to keys or categories", {},
                   golong::sdk::thread_safe))
