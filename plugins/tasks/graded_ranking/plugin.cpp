// The task graded_ranking: paper A.2, A.5.
#include "plugins/common/document_task.h"
#include "plugins/tasks/graded_ranking/generate.h"

namespace golong::graded_ranking {
namespace {

struct GradedRanking : documents::DocumentTask {
  static constexpr const char* default_reward = "ndcg";
  GradedRanking() : DocumentTask(graded_ranking::suits, graded_ranking::generate) {}

  std::string answer(const sdk::Gold& gold) override { return documents::list_of(gold); }
};

}  // namespace
}  // namespace golong::graded_ranking

GOLONG_LIBRARY("graded_ranking", golong::sdk::task<golong::graded_ranking::GradedRanking>(
                                     "graded_ranking", "1.0.0", "Rank parts of a long document by a measurable quality",
                                     {}, golong::sdk::thread_safe))
