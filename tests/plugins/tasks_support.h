// What the tests of the task plugins share: the built plugins, real documents, questions.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/pipeline/task_maker.h"

namespace golong {

// The built-in plugins of this build.
const std::shared_ptr<const plugin::Registry>& built_in_plugins();

// tests/data/documents/documents.jsonl: parts of real documents of every kind, in English and Chinese.
const std::vector<SourceDocument>& test_documents();

TaskMaker task_maker(const std::string& id);

struct Asked {
  const SourceDocument* document;
  MadeQuestion made;
};

// Questions of all documents, with several seeds.
std::vector<Asked> ask_all(const std::string& task, uint64_t max_context_bytes, int seeds = 3);

inline const std::vector<std::string> kTasks = {"precise_retrieval",   "evidence_reasoning", "exhaustive_retrieval",
                                                "numerical_reasoning", "table_extraction",   "structured_matching",
                                                "graded_ranking",      "sequence_ordering",  "summarization"};

}  // namespace golong
