// The task sequence_ordering: paper A.2, A.5.
#include "plugins/common/document_task.h"
#include "plugins/tasks/sequence_ordering/generate.h"

namespace golong::sequence_ordering {
namespace {

struct SequenceOrdering : documents::DocumentTask {
  static constexpr const char* default_reward = "pairwise";
  SequenceOrdering() : DocumentTask(sequence_ordering::suits, sequence_ordering::generate) {}

  std::string answer(const sdk::Gold& gold) override { return documents::list_of(gold); }
};

}  // namespace
}  // namespace golong::sequence_ordering

GOLONG_LIBRARY("sequence_ordering",
               golong::sdk::task<golong::sequence_ordering::SequenceOrdering>(
                   "sequence_ordering", "1.0.0", "Restore the order of events or parts of a long document", {},
                   golong::sdk::thread_safe))
