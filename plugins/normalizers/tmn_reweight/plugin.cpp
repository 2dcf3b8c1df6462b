// TMN-Reweight: the distance from the group's mean, scaled by the task, weighted by difficulty (paper A.6, in float64).
#include <string>

#include "plugins/common/statistics.h"

using namespace golong::sdk;
using golong::plugins::Moments;

namespace {

// What the reweighting and the metrics need of one group.
struct Group {
  double mean = 0;       // mu_u; 0 for a group of one
  double variance = 1;   // v_u; 1 for a group of one
  double threshold = 0;  // tau_u
  double pass_rate = 0;  // p_u
  uint64_t count = 0;
};

struct Task {
  uint64_t groups = 0;
  double sigma = 0;  // sigma_k
  double mean = 0;   // m_k
};

class TmnReweight : public Normalizer {
 public:
  explicit TmnReweight(const Params& params)
      : alpha_(params.real("alpha")), gamma_(params.real("gamma")), epsilon_(params.real("epsilon")) {}

  void compute(const Batch& batch, std::span<double> advantages, const Metrics& metrics) override {
    std::vector<Group> groups = measure_groups(batch);
    std::vector<Task> tasks = measure_tasks(batch, groups);
    measure_difficulty(batch, groups, tasks);
    for (size_t i = 0; i < batch.size(); ++i) {
      if (!batch.scored(i)) {
        advantages[i] = 0;
        continue;
      }
      const Group& u = groups[batch.group(i)];
      double exponent = batch.reward(i) > u.mean ? 0.5 - u.pass_rate : u.pass_rate - 0.5;
      double scale = tasks[batch.task_of(batch.group(i))].sigma + epsilon_;
      advantages[i] = std::exp(gamma_ * exponent) * (batch.reward(i) - u.mean) / scale;
    }
    report(batch, groups, tasks, metrics);
  }

 private:
  static std::vector<Group> measure_groups(const Batch& batch) {
    std::vector<Group> groups(batch.group_count());
    std::vector<Moments> moments = golong::plugins::moments_by_group(batch);
    for (size_t u = 0; u < groups.size(); ++u) {
      groups[u].count = moments[u].count;
      if (moments[u].count > 1) {
        groups[u].mean = moments[u].mean();
        groups[u].variance = moments[u].variance();
      }
    }
    return groups;
  }

  // Groups count equally, whatever their size. Those without a scored response count for nothing.
  static std::vector<Task> measure_tasks(const Batch& batch, const std::vector<Group>& groups) {
    std::vector<Task> tasks(batch.task_count());
    for (size_t u = 0; u < groups.size(); ++u) {
      if (groups[u].count == 0) continue;
      Task& task = tasks[batch.task_of(u)];
      ++task.groups;
      task.sigma += groups[u].variance;
      task.mean += groups[u].mean;
    }
    for (Task& task : tasks) {
      if (task.groups == 0) continue;
      task.sigma = std::sqrt(task.sigma / static_cast<double>(task.groups));
      task.mean /= static_cast<double>(task.groups);
    }
    return tasks;
  }

  void measure_difficulty(const Batch& batch, std::vector<Group>& groups, const std::vector<Task>& tasks) const {
    for (size_t u = 0; u < groups.size(); ++u) {
      double task_mean = tasks[batch.task_of(u)].mean;
      groups[u].threshold = groups[u].count > 1 ? alpha_ * groups[u].mean + (1 - alpha_) * task_mean : task_mean;
    }
    for (size_t i = 0; i < batch.size(); ++i) {
      Group& group = groups[batch.group(i)];
      if (batch.scored(i) && batch.reward(i) > group.threshold) group.pass_rate += 1;
    }
    for (Group& group : groups) group.pass_rate /= static_cast<double>(std::max<uint64_t>(group.count, 1));
  }

  // Names of paper E.4.
  static void report(const Batch& batch, const std::vector<Group>& groups, const std::vector<Task>& tasks,
                     const Metrics& metrics) {
    double pass_rate = 0, counted = 0;
    for (const Group& group : groups) {
      if (group.count == 0) continue;
      pass_rate += group.pass_rate;
      counted += 1;
    }
    if (counted > 0) metrics("difficulty/mean_pass_rate", pass_rate / counted);
    metrics("difficulty/weight_clamp_upper_ratio", 0);  // the weights are not clamped
    metrics("difficulty/weight_clamp_lower_ratio", 0);
    for (size_t k = 0; k < tasks.size(); ++k) {
      if (tasks[k].groups) metrics("reward_mode/" + std::string(batch.task(k)) + "/sqrt_mean_var", tasks[k].sigma);
    }
  }

  double alpha_, gamma_, epsilon_;
};

}  // namespace

GOLONG_LIBRARY(
    "tmn_reweight",
    normalizer<TmnReweight>(
        "tmn_reweight", "1.0.0", "distance from the group's mean, scaled by the task, weighted by difficulty",
        {real("alpha", 0.8, 0, 1, "share of the group's mean in the difficulty threshold; the rest is the task's mean"),
         real("gamma", 1.0, 0, 100, "strength of the difficulty weights; 0 switches them off"),
         real("epsilon", 1e-6, 0, 1, "added to the task's standard deviation")},
        thread_safe))
