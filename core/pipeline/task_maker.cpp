#include "core/pipeline/task_maker.h"

#include <cmath>
#include <exception>

#include "core/base/error.h"
#include "core/data/gold_view.h"
#include "core/plugin/call.h"
#include "core/text/utf8.h"

namespace golong {
namespace {

golong_document raw(const SourceDocument& document) {
  return {sizeof(golong_document),     0,
          plugin::view(document.id),   plugin::view(document.title),
          plugin::view(document.kind), plugin::view(document.language),
          plugin::view(document.text)};
}

// What the plugin's questions are copied into. A callback must not throw into the plugin: what goes wrong is kept.
struct Received {
  std::vector<MadeQuestion> questions;
  std::exception_ptr error;
};

void receive(void* context, const golong_question* question) {
  auto& received = *static_cast<Received*>(context);
  try {
    received.questions.push_back({plugin::copy(question->context), plugin::copy(question->question),
                                  plugin::copy(question->data_source), plugin::copy(question->reward_mode),
                                  copy_gold(question->gold)});
  } catch (...) {
    received.error = std::current_exception();
  }
}

// What is wrong with a question, or "".
std::string fault(const MadeQuestion& made, uint64_t max_context_bytes) {
  if (made.context.size() > max_context_bytes) {
    return "a context of " + std::to_string(made.context.size()) + " bytes, at most " +
           std::to_string(max_context_bytes) + " were asked for";
  }
  if (made.context.empty() || made.question.empty()) return "an empty context or question";
  if (made.data_source.empty()) return "no data_source";
  std::string all = made.context + made.question + made.gold.label;
  for (const auto& item : made.gold.items) all += item;
  if (!is_valid_utf8(all)) return "text that is no valid UTF-8";
  return "";
}

}  // namespace

TaskMaker::TaskMaker(const plugin::Plugin& plugin, const plugin::Settings& settings)
    : instance_(plugin, settings),
      generate_(static_cast<const golong_task_generate*>(instance_.extension(GOLONG_TASK_GENERATE))) {
  if (!generate_) fail("task ", plugin.id, " (", plugin.library.string(), ") cannot make questions from documents");
}

bool TaskMaker::can_generate(const plugin::Plugin& plugin) {
  return plugin.kind == plugin::Kind::task && plugin.descriptor->extension &&
         plugin.descriptor->extension(GOLONG_TASK_GENERATE);
}

double TaskMaker::suits(const SourceDocument& document) const {
  const golong_document d = raw(document);
  const double value = generate_->suits(instance_.get(), &d);
  if (!(value >= 0 && value <= 1)) {
    fail("task ", id(), ": suits() gave ", value, " for document ", document.id, ", expected a number from 0 to 1");
  }
  return value;
}

std::vector<MadeQuestion> TaskMaker::generate(const SourceDocument& document, uint32_t max_questions, uint64_t seed,
                                              uint64_t max_context_bytes) const {
  const golong_document d = raw(document);
  const golong_generate_request request{sizeof(golong_generate_request), max_questions, seed, max_context_bytes};
  Received received;
  const golong_question_sink sink{sizeof(golong_question_sink), 0, &received, receive};
  plugin::ErrorBuffer error;
  if (generate_->generate(instance_.get(), &d, &request, &sink, error.get()) != GOLONG_OK) {
    fail("task ", id(), ": no questions from document ", document.id, ": ", error.text());
  }
  if (received.error) std::rethrow_exception(received.error);
  if (received.questions.size() > max_questions) {
    fail("task ", id(), " made ", received.questions.size(), " questions from document ", document.id, ", at most ",
         max_questions, " were asked for");
  }
  for (const auto& made : received.questions) {
    if (const auto wrong = fault(made, max_context_bytes); !wrong.empty()) {
      fail("task ", id(), " made a question from document ", document.id, " with ", wrong);
    }
  }
  return received.questions;
}

std::string TaskMaker::answer(const Gold& gold) const {
  const GoldView view(gold);
  std::string text;
  const golong_sink sink = plugin::sink(text);
  plugin::call(instance_, "answer",
               [&](golong_error* e) { return instance_.task().answer(instance_.get(), &view.get(), &sink, e); });
  return text;
}

}  // namespace golong
