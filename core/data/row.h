// One row of a dataset in the released schema: parsing, and the routing that decides task, reward and norm_key.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/config.h"
#include "core/data/group.h"
#include "core/plugin/registry.h"
#include "core/text/message.h"

namespace golong {

struct Row {
  std::string id;  // column `id`, else "" (then the line number names it)
  std::string data_source;
  std::string ability;
  std::string reward_mode;               // extra_info.reward_mode
  std::string norm_mode;                 // a top-level column reward_mode: the norm_key as it stands (paper A.6)
  std::string question;                  // extra_info.question
  std::string extra_info;                // JSON
  std::optional<std::string> reference;  // extra_info.ground_truth: what a judge model would compare with
  std::vector<Message> prompt;           // may be empty for rows that are only scored
  Gold gold;
  std::vector<std::string> responses;  // column `response`: a string or a list, for `golong score`
  bool response_is_list = false;
};

// Parses one JSON line. Throws Error that names `where` ("rows.jsonl:17"), the column, what it is and what is expected.
Row parse_row(std::string_view json, const std::string& where);

struct Route {
  std::string task;  // "" where the reward is that of no task: enough to score a response, not to make a prompt
  std::string reward;
  std::string norm_key;
};

// The row's gold as its reward reads it: of model_judge the label is extra_info.ground_truth, absent where that is.
Gold gold_for(const Row& row, const Route& route);

// paper C.1 and F, after `[routes]` and `[tasks.ID] reward` of the config. Throws Error naming the data_source or
// reward_mode that is not known.
class Router {
 public:
  Router(const Config& config, std::shared_ptr<const plugin::Registry> registry);
  Route route(const Row& row) const;

 private:
  const Config config_;
  std::shared_ptr<const plugin::Registry> registry_;
};

}  // namespace golong
