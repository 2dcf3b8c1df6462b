#include "plugins/tasks/precise_retrieval/generate.h"

#include "plugins/common/document_lookup.h"

namespace golong::precise_retrieval {

using namespace documents;

double suits(const Document& document) { return suits_lookup(document); }

std::vector<Question> generate(const Document& document, const Request& request) {
  auto records = read_records(document);
  return collect(document, request, "precise_retrieval", [&](Choices& choices) -> std::optional<Question> {
    auto lookup = choose_lookup(document, records, choices, request.max_context_bytes);
    if (!lookup) return std::nullopt;
    Question question{.context = lookup->context, .data_source = "EM", .reward_mode = "EM"};
    question.question = lookup->question + (document.chinese() ? "只写答案。" : " Write only the answer.");
    question.label = lookup->answer;
    return question;
  });
}

}  // namespace golong::precise_retrieval
