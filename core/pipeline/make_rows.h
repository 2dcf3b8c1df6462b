// Makes a dataset: questions and answers from real documents, by the task plugins, each checked with its reward. Start
// here to read this folder.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/pipeline/document.h"
#include "core/plugin/registry.h"

namespace golong {

struct MakeOptions {
  std::filesystem::path documents;  // JSONL; see document.h
  size_t rows_per_task = 100;
  uint64_t seed = 0;
  Split split = Split::all;
  double eval_share = 0.15;  // of the documents' groups
  uint64_t max_context_bytes = 600;
  double max_answer_share = 1;                 // of a task's rows with one and the same answer
  std::vector<std::string> tasks;              // ids; empty: every task that can make questions
  std::vector<std::filesystem::path> exclude;  // JSONL files whose prompts must not come again
  std::map<std::string, double> languages;     // language -> share of the rows; the others share what is left
};

// What became of one task's questions.
struct TaskTally {
  std::string task;
  size_t rows = 0;
  size_t repeated = 0;                    // stand in `exclude`, or came out twice
  size_t frequent = 0;                    // have an answer that enough rows have
  size_t imperfect = 0;                   // the perfect answer did not get a full score
  std::map<std::string, size_t> sources;  // "English book" -> rows
};

struct MadeRows {
  std::vector<std::string> lines;  // JSON, in random order
  std::vector<TaskTally> tallies;  // by task, in the order of their ids
};

// Deterministic: the same documents, options and plugins give the same rows, in the same order. Rows are spread evenly
// over the kinds of documents that suit a task; a kind that runs out leaves its share to the others, so that a task has
// fewer rows than asked for only when all its documents are exhausted.
// Throws Error for bad input, a plugin that misbehaves, an unknown task (with the nearest).
MadeRows make_rows(const MakeOptions& options, const Config& config,
                   const std::shared_ptr<const plugin::Registry>& registry,
                   const std::function<void(const TaskTally&)>& on_task = {});

}  // namespace golong
