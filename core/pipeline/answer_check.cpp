#include "core/pipeline/answer_check.h"

#include "core/base/hash.h"

namespace golong {
namespace {

// Nothing is thought before a perfect answer, so the gate for thinking does not apply.
Config without_gate(Config config) {
  config.rewards.gate = false;
  return config;
}

constexpr double full_score = 0.999;  // ROUGE-L of equal texts is 1 - 5e-9

}  // namespace

AnswerCheck::AnswerCheck(const Config& config, const std::shared_ptr<const plugin::Registry>& registry)
    : router_(config, registry), scorer_(without_gate(config), registry) {}

std::vector<bool> AnswerCheck::perfect(const TaskMaker& task, const std::vector<std::string>& rows) const {
  std::vector<Group> groups;
  for (const auto& json : rows) {
    const Row row = parse_row(json, "a row of task " + task.id());
    const Route route = router_.route(row);
    Group group;
    group.prompt.uid = row.id;
    group.prompt.key = hash64(row.id);
    group.prompt.task = route.task;
    group.prompt.reward = route.reward;
    group.prompt.norm_key = route.norm_key;
    group.prompt.messages = row.prompt;
    group.prompt.gold = std::make_shared<const Gold>(row.gold);
    Response response;
    response.text = task.answer(row.gold);
    group.responses.push_back(std::move(response));
    groups.push_back(std::move(group));
  }
  scorer_.score(groups);
  std::vector<bool> perfect;
  for (const auto& group : groups) {
    const Response& response = group.responses.front();
    perfect.push_back(response.outcome == Outcome::scored && response.reward >= full_score);
  }
  return perfect;
}

}  // namespace golong
