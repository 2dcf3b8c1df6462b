// A task plugin as the pipeline uses it: asks it for questions and for perfect answers, and checks what comes back.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/data/group.h"
#include "core/pipeline/document.h"
#include "core/plugin/registry.h"

namespace golong {

// One question that a task made of a document.
struct MadeQuestion {
  std::string context;   // UTF-8, at most the bytes that were asked for
  std::string question;  // with the instruction how to answer
  std::string data_source;
  std::string reward_mode;
  Gold gold;
};

// Not thread-safe: one thread at a time.
class TaskMaker {
 public:
  // Throws Error where the task cannot make questions from documents (it lacks the extension).
  TaskMaker(const plugin::Plugin& plugin, const plugin::Settings& settings);

  // Whether the plugin has the extension GOLONG_TASK_GENERATE.
  static bool can_generate(const plugin::Plugin& plugin);

  const std::string& id() const { return instance_.plugin().id; }

  // 0: not at all, to 1. Throws Error naming the plugin and the document when it gives anything else.
  double suits(const SourceDocument& document) const;

  // Up to `max_questions` questions; the same seed and document give the same ones. Throws Error naming the plugin and
  // the document when it fails, or gives too many, too long or empty ones, or text that is no UTF-8.
  std::vector<MadeQuestion> generate(const SourceDocument& document, uint32_t max_questions, uint64_t seed,
                                     uint64_t max_context_bytes) const;

  // The perfect answer to this gold.
  std::string answer(const Gold& gold) const;

 private:
  plugin::Instance instance_;
  const golong_task_generate* generate_;
};

}  // namespace golong
