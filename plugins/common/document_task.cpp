#include "plugins/common/document_task.h"

#include <boost/json.hpp>
#include <stdexcept>

namespace golong::documents {
namespace {

// A member of extra_info that is a string, or nothing.
std::optional<std::string> text_member(std::string_view json, std::string_view name) {
  boost::system::error_code error;
  auto value = boost::json::parse({json.data(), json.size()}, error);
  if (error || !value.is_object()) return std::nullopt;
  const auto* member = value.get_object().if_contains({name.data(), name.size()});
  if (!member || !member->is_string()) return std::nullopt;
  return std::string(member->get_string());
}

}  // namespace

void DocumentTask::render(const sdk::Row& row, const sdk::PromptSink& sink) {
  if (row.message_count() > 0) return sdk::Task::render(row, sink);
  auto context = text_member(row.extra_info(), "context");
  if (!context || row.question().empty())
    throw std::runtime_error(
        "the row has no prompt, and extra_info has no context and question to make one from: give the row a column "
        "`prompt` (a list of {role, content}), or extra_info.context and extra_info.question");
  sink.message("user", *context + kGap + std::string(row.question()));
  sink.gold(row.gold());
}

double DocumentTask::suits(const sdk::Document& d) {
  return suits_(
      {std::string(d.id), std::string(d.title), std::string(d.kind), std::string(d.language), std::string(d.text)});
}

void DocumentTask::generate(const sdk::Document& d, const sdk::GenerateRequest& request,
                            const sdk::QuestionSink& sink) {
  Document document{std::string(d.id), std::string(d.title), std::string(d.kind), std::string(d.language),
                    std::string(d.text)};
  for (auto& made : make_(document, {request.seed, request.max_questions, request.max_context_bytes})) {
    sdk::Question question{.context = std::move(made.context),
                           .question = std::move(made.question),
                           .data_source = std::move(made.data_source),
                           .reward_mode = std::move(made.reward_mode)};
    question.gold.has_items = !made.label.has_value();
    question.gold.items = std::move(made.items);
    question.gold.label = std::move(made.label);
    question.gold.language = std::move(made.language);
    question.gold.variant = question.reward_mode;
    sink(question);
  }
}

std::string label_of(const sdk::Gold& gold) {
  if (!gold.has_label()) throw std::runtime_error("the gold has no label (reward_model.ground_truth.golden_label)");
  return std::string(gold.label());
}

std::string list_of(const sdk::Gold& gold) {
  if (gold.size() == 0) throw std::runtime_error("the gold has no items (reward_model.ground_truth.doc_ids)");
  return list_answer(gold.items(), gold.language());
}

}  // namespace golong::documents
