// The task summarization: paper A.2, A.5.
#include <stdexcept>

#include "plugins/common/document_task.h"
#include "plugins/tasks/summarization/generate.h"

namespace golong::summarization {
namespace {

struct Summarization : documents::DocumentTask {
  static constexpr const char* default_reward = "rouge_l";
  Summarization() : DocumentTask(summarization::suits, summarization::generate) {}

  std::string answer(const sdk::Gold& gold) override {
    // The released metric compares the whole response, so an [Answer] marker would count as a word of the summary.
    if (gold.size() == 0) throw std::runtime_error("the gold has no items (reward_model.ground_truth.doc_ids)");
    return std::string(gold.item(0));
  }
};

}  // namespace
}  // namespace golong::summarization

GOLONG_LIBRARY("summarization",
               golong::sdk::task<golong::summarization::Summarization>("summarization", "1.0.0",
                                                                       "Say in short what a long document says", {},
                                                                       golong::sdk::thread_safe))
