#include "plugins/rewards/math_verify/judge.h"

#include <algorithm>

#include "plugins/common/python_json.h"
#include "plugins/common/unicode.h"

namespace golong::plugins::math {
namespace {

using Type = JsonValue::Kind;

// What the published code compares with: a text, each element of a list, and of a struct, which it takes for a list,
// the names of the members.
std::vector<std::string> released_values(const JsonValue& gold) {
  if (gold.kind == Type::string) return {gold.text};
  std::vector<std::string> values;
  for (const JsonValue& item : gold.items) values.push_back(python_str(item));
  for (const JsonMember& member : gold.members) values.push_back(member.name);
  return values;
}

// The answer in a ground truth: a text, the label of a struct, or the last of a list of these.
const JsonValue* answer_in(const JsonValue& gold) {
  const JsonValue* answer = &gold;
  if (answer->kind == Type::array) answer = answer->items.empty() ? nullptr : &answer->items.back();
  if (answer && answer->kind == Type::object) answer = answer->find("golden_label");
  return answer && answer->kind != Type::null ? answer : nullptr;
}

bool is_judged_mode(std::string_view name) {
  return name == "model_judge" || name == "model_judge_with_question" || name == "model_compare";
}

}  // namespace

JudgedGold::JudgedGold(const sdk::Gold& gold, Mode mode) : mode_(mode), by_value_(gold.variant() == "math_verify") {
  if (!by_value_ && !is_judged_mode(gold.variant())) {
    throw sdk::Unscorable(
        "a row for a judge model needs the extra_info.reward_mode math_verify, model_judge, "
        "model_judge_with_question or model_compare; its reward_mode, else its data_source, is \"" +
        std::string(gold.variant()) + "\"");
  }
  const JsonValue truth = gold.json().empty() ? JsonValue() : parse_json(gold.json());
  const JsonValue* answer = answer_in(truth);
  if (gold.has_label()) {
    reference_ = gold.label();
  } else if (mode_ == Mode::strict && answer) {
    reference_ = python_str(*answer);
  } else {
    throw sdk::Unscorable("the row has no extra_info.ground_truth, the reference of rows for a judge model");
  }
  if (!by_value_) return;
  if (mode_ == Mode::strict) {
    values_.emplace_back(answer ? python_str(*answer) : reference_, mode_);
    return;
  }
  if (truth.kind != Type::string && truth.kind != Type::array && truth.kind != Type::object) {
    throw sdk::Unscorable("reward_model.ground_truth is no text, list or struct");
  }
  for (std::string& value : released_values(truth)) values_.emplace_back(std::move(value), mode_);
}

double JudgedGold::score(const sdk::Response& response, const Stop& cancelled) const {
  const std::string_view answer = response.answer();
  if (answer == reference_) return 1;
  if (mode_ == Mode::strict && strip(answer) == strip(reference_)) return 1;
  if (!by_value_) {
    throw sdk::Unscorable(
        "the answer is not the reference word for word; whether it means the same only a judge model could tell, which "
        "golong does not have ([routes.\"SOURCE\"] in the config gives such rows to another reward)");
  }
  const auto matches = [&](const MathGold& value) { return value.score(answer, answer, cancelled) == 1; };
  return std::any_of(values_.begin(), values_.end(), matches) ? 1 : 0;
}

}  // namespace golong::plugins::math
