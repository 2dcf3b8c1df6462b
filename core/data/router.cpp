// Which task asks for a row, which reward scores it, and which rows are normalised together (paper A.2, A.6, C.1, F).
#include <unicode/unistr.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/nearest.h"
#include "core/data/row.h"

namespace golong {
namespace {

struct TaskName {
  const char* ability;  // casefolded
  const char* task;
  const char* reward;
};

// paper A.2, in its order.
constexpr TaskName tasks[] = {
    {"precise long-range information retrieval", "precise_retrieval", "em"},
    {"evidence-grounded comprehension and reasoning", "evidence_reasoning", "accuracy"},
    {"high-recall exhaustive retrieval and verification", "exhaustive_retrieval", "f1"},
    {"numerical extraction and quantitative reasoning", "numerical_reasoning", "math_verify"},
    {"multi-table structured extraction", "table_extraction", "iou"},
    {"fragment-level structured matching and induction", "structured_matching", "sub_em"},
    {"dimension-quantified retrieval and graded ranking", "graded_ranking", "ndcg"},
    {"sequence reconstruction and ordering", "sequence_ordering", "pairwise"},
    {"long document summarization", "summarization", "rouge_l"},
};

// paper F: the metrics of LongBench-Pro, their reward plugins and the subtasks that they score.
struct Metric {
  const char* name;
  const char* reward;
  std::vector<const char*> modes;
};

const std::vector<Metric>& metrics() {
  static const std::vector<Metric> all = {
      {"NDCG", "ndcg", {"T1.1 Global Cohesive Retrieval", "T1.2 Key-Snippet Retrieval"}},
      {"Pairwise_Accuracy",
       "pairwise",
       {"T2.1 Global Timeline Reconstruction", "T2.2 Local Causal Chain Sorting", "T6.3 Global Frequency Analysis"}},
      {"Accuracy",
       "accuracy",
       {"T3.1 Multi-Doc Integration QA", "T3.2 Single-Hop Fact QA", "T11.1 Long-Range Entity & Commitment Tracking",
        "T11.2 Short-Range Reference Resolution & State Query"}},
      {"Summary", "rouge_l", {"T4.1 Global-Coverage Constrained Summary", "T4.2 Query-Focused Summary"}},
      {"F1_Score",
       "f1",
       {"T5.1 Full-Sentence Citation Alignment", "T5.2 Key-Statement Citation Alignment",
        "T6.2 Targeted Subset Cluster Identification", "T7.1 Global Conflict & Inconsistency Localization",
        "T7.2 Targeted Rule or Condition Violation Detection", "T7.3 Comprehensive Error & Anomaly Sweep",
        "T9.1 Dependency-Aware Multi-Version Impact Analysis", "T9.2 Localized Interface Change Detection"}},
      {"SubEM",
       "sub_em",
       {"T6.1 Large-Scale Document Clustering", "T8.1 Structured Multi-Source Consistency Verification",
        "T8.2 Single-Source Targeted Aggregation", "T8.3 Long-Context Procedural State Tracking",
        "T10.1 Large-Scale In-Context Rule Induction", "T10.2 Targeted Example-Based Rule Induction"}},
  };
  return all;
}

// The metric of a LongBench-Pro subtask; null where it is none (a metric's own name is none either).
const Metric* find_metric(const std::string& mode) {
  for (const Metric& metric : metrics()) {
    for (const char* known : metric.modes) {
      if (mode == known) return &metric;
    }
  }
  return nullptr;
}

std::vector<std::string> all_modes() {
  std::vector<std::string> names;
  for (const Metric& metric : metrics()) names.insert(names.end(), metric.modes.begin(), metric.modes.end());
  return names;
}

std::string casefold(const std::string& text) {
  std::string folded;
  icu::UnicodeString::fromUTF8(text).foldCase().trim().toUTF8String(folded);
  return folded;
}

// The published system gives the answers of these sources to a judge model.
bool is_for_a_judge(const std::string& source) {
  return source.find("model_verify") != std::string::npos || source.find("model_judge") != std::string::npos ||
         source.find("retrieval_summary_calculate") != std::string::npos;
}

// paper C.1, in its order.
std::string reward_of_source(const Row& row, const Config& config) {
  const std::string& source = row.data_source;
  if (source.empty()) fail("there is no column data_source, which says what the row asks");
  if (source.find("math_longcot_math_verify") != std::string::npos) return "math_verify";
  if (source == "longbench_pro") {
    if (const Metric* metric = find_metric(row.reward_mode)) return metric->reward;
    if (row.reward_mode.empty()) fail("there is no extra_info.reward_mode, which names a subtask of longbench_pro");
    fail("extra_info.reward_mode \"", row.reward_mode, "\" is not one of the 25 subtasks of longbench_pro",
         did_you_mean(row.reward_mode, all_modes()), " (docs/reference/dataset.md lists them)");
  }
  if (source == "multitableqa_pretraining") return "iou";
  if (source == "retrieval_calculate") return "retrieval_calculate";
  if (source == "selection") return "accuracy";
  if (source == "EM") return "em";
  if (is_for_a_judge(source)) return "model_judge";
  std::vector<std::string> known = {"EM",
                                    "selection",
                                    "longbench_pro",
                                    "math_longcot_math_verify",
                                    "multitableqa_pretraining",
                                    "retrieval_calculate"};
  for (const auto& [name, route] : config.routes) known.push_back(name);
  fail("data_source \"", source, "\" is not known", did_you_mean(source, known),
       " (for data of your own add [routes.\"", source, "\"] with a task and a reward)");
}

std::string task_of_ability(const std::string& ability, const plugin::Registry& registry) {
  if (ability.empty()) return "";
  if (registry.has(plugin::Kind::task, ability)) return ability;
  const std::string folded = casefold(ability);
  for (const TaskName& name : tasks) {
    if (folded == name.ability || folded == name.task) return name.task;
  }
  return "";
}

// The task of a reward: the one of paper A.2 whose metric it is, else the first plugin whose default it is, else "".
std::string task_of_reward(const std::string& reward, const Row& row, const plugin::Registry& registry) {
  if (reward == "retrieval_calculate") return "numerical_reasoning";
  if (reward == "model_judge") return row.reward_mode == "math_verify" ? "numerical_reasoning" : "evidence_reasoning";
  for (const TaskName& name : tasks) {
    if (reward == name.reward) return name.task;
  }
  for (const plugin::Plugin& plugin : registry.plugins()) {
    if (plugin.kind != plugin::Kind::task) continue;
    if (reward == static_cast<const golong_task*>(plugin.descriptor->functions)->default_reward) return plugin.id;
  }
  return "";
}

std::string default_reward(const std::string& task, const plugin::Registry& registry) {
  const plugin::Plugin& plugin = registry.find(plugin::Kind::task, task);
  return static_cast<const golong_task*>(plugin.descriptor->functions)->default_reward;
}

// k of paper A.6. A row without a reward_mode is known by its source.
std::string metric_key(const Row& row) {
  if (!row.norm_mode.empty()) return row.norm_mode;
  if (row.reward_mode.empty()) return row.data_source;
  const Metric* metric = find_metric(row.reward_mode);
  return metric ? metric->name : row.reward_mode;
}

}  // namespace

Gold gold_for(const Row& row, const Route& route) {
  Gold gold = row.gold;
  if (route.reward == "model_judge") {
    gold.has_label = row.reference.has_value();
    gold.label = row.reference.value_or("");
  }
  return gold;
}

Router::Router(const Config& config, std::shared_ptr<const plugin::Registry> registry)
    : config_(config), registry_(std::move(registry)) {}

Route Router::route(const Row& row) const {
  Route route;
  const auto own = config_.routes.find(row.data_source);
  if (own != config_.routes.end()) {
    route.task = own->second.task;
    route.reward = own->second.reward;
  } else {
    route.reward = reward_of_source(row, config_);
  }
  if (route.task.empty()) route.task = task_of_ability(row.ability, *registry_);
  if (route.task.empty() && !route.reward.empty()) route.task = task_of_reward(route.reward, row, *registry_);
  if (route.task.empty() && route.reward.empty()) {
    fail("[routes.\"", row.data_source, "\"] names no task and no reward, and column `ability` (\"", row.ability,
         "\") is no task");
  }
  const auto override = config_.task_rewards.find(route.task);
  const bool reward_is_routed = own != config_.routes.end() && !own->second.reward.empty();
  if (!reward_is_routed && override != config_.task_rewards.end()) route.reward = override->second;
  if (route.reward.empty()) route.reward = default_reward(route.task, *registry_);
  registry_->find(plugin::Kind::reward, route.reward);
  route.norm_key = config_.train.norm_key == "task" ? route.task : metric_key(row);
  return route;
}

}  // namespace golong
