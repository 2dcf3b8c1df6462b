// The QwenLong estimator: A_i = (r_i - mean_k) / (std_k + epsilon) over all responses of task k in the batch, std
// unbiased. A task with a single response has std 1, and so advantage 0.
#include "plugins/common/statistics.h"

using namespace golong::sdk;
using golong::plugins::Moments;

namespace {

class TaskBatch : public Normalizer {
 public:
  explicit TaskBatch(const Params& params) : epsilon_(params.real("epsilon")) {}

  void compute(const Batch& batch, std::span<double> advantages, const Metrics&) override {
    std::vector<Moments> tasks(batch.task_count());
    for (size_t i = 0; i < batch.size(); ++i) {
      if (batch.scored(i)) tasks[task(batch, i)].add(batch.reward(i));
    }
    std::vector<double> squares(tasks.size(), 0);
    for (size_t i = 0; i < batch.size(); ++i) {
      double distance = batch.reward(i) - tasks[task(batch, i)].mean();
      if (batch.scored(i)) squares[task(batch, i)] += distance * distance;
    }
    for (size_t i = 0; i < batch.size(); ++i) {
      const Moments& k = tasks[task(batch, i)];
      double deviation = k.count > 1 ? std::sqrt(squares[task(batch, i)] / static_cast<double>(k.count - 1)) : 1;
      advantages[i] = batch.scored(i) ? (batch.reward(i) - k.mean()) / (deviation + epsilon_) : 0;
    }
  }

 private:
  static size_t task(const Batch& batch, size_t response) { return batch.task_of(batch.group(response)); }
  double epsilon_;
};

}  // namespace

GOLONG_LIBRARY("task_batch",
               normalizer<TaskBatch>("task_batch", "1.0.0",
                                     "distance from the task's mean in the task's standard deviations, over the batch",
                                     {real("epsilon", 1e-6, 0, 1, "added to the standard deviation")}, thread_safe))
