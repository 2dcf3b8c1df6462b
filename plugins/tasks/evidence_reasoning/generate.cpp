#include "plugins/tasks/evidence_reasoning/generate.h"

#include "plugins/common/document_lookup.h"

namespace golong::evidence_reasoning {

using namespace documents;

double suits(const Document& document) { return suits_lookup(document); }

std::vector<Question> generate(const Document& document, const Request& request) {
  auto records = read_records(document);
  return collect(document, request, "evidence_reasoning", [&](Choices& choices) -> std::optional<Question> {
    auto lookup = choose_lookup(document, records, choices, request.max_context_bytes);
    if (!lookup || lookup->others.size() < 3) return std::nullopt;
    // Wrong answers from the context come first in `others`, so that only the evidence tells which is right.
    std::vector<std::string> options(lookup->others.begin(), lookup->others.begin() + 3);
    choices.shuffle(options);
    size_t right = choices.below(4);
    options.insert(options.begin() + right, lookup->answer);
    Question question{.context = lookup->context, .data_source = "selection", .reward_mode = "selection"};
    question.question = lookup->question;
    for (size_t i = 0; i < options.size(); ++i)
      question.question += "\n(" + std::string(1, static_cast<char>('A' + i)) + ") " + options[i];
    question.question +=
        document.chinese() ? "\n回答格式：The correct answer is (X)" : "\nWrite: The correct answer is (X)";
    question.label = std::string(1, static_cast<char>('A' + right));
    return question;
  });
}

}  // namespace golong::evidence_reasoning
