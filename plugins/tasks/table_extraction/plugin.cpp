// The task table_extraction: paper A.2, A.5.
#include "plugins/common/document_task.h"
#include "plugins/tasks/table_extraction/generate.h"

namespace golong::table_extraction {
namespace {

struct TableExtraction : documents::DocumentTask {
  static constexpr const char* default_reward = "iou";
  TableExtraction() : DocumentTask(table_extraction::suits, table_extraction::generate) {}

  std::string answer(const sdk::Gold& gold) override { return "<answer>" + documents::label_of(gold) + "</answer>"; }
};

}  // namespace
}  // namespace golong::table_extraction

GOLONG_LIBRARY("table_extraction", golong::sdk::task<golong::table_extraction::TableExtraction>(
                                       "table_extraction", "1.0.0", "Gather values of a long document into a table", {},
                                       golong::sdk::thread_safe))
