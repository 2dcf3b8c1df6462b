// Rows on disk, read by index: offsets are kept, contents are not. Turns a row into a Prompt with the task's plugin.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/data/group.h"
#include "core/data/row.h"
#include "core/plugin/registry.h"
#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"

namespace golong {

// JSONL files read by index. Thread-safe.
class RowFile {
 public:
  explicit RowFile(const std::filesystem::path& path);
  ~RowFile();
  size_t size() const;
  Row read(size_t index) const;               // Throws Error with FILE:LINE
  std::string line(size_t index) const;
  std::string where(size_t index) const;      // "rows.jsonl:17"
  const std::string& fingerprint() const;     // hash of the contents

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What it takes to make prompts out of rows; shared by training, evaluation and sft. Thread-safe.
class PromptMaker {
 public:
  PromptMaker(const Config& config, std::shared_ptr<const plugin::Registry> registry,
              std::shared_ptr<const Tokenizer> tokenizer);
  ~PromptMaker();
  Prompt make(const Row& row, const std::string& uid) const;
  std::string answer(const Prompt& prompt) const;  // the task's perfect answer to this gold, without thinking
  const ChatTemplate& chat_template() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The rows of several files whose prompts fit, known by index; prompts are made when asked for. Over-long rows are
// counted (token counts are cached on disk under a hash of file, tokenizer and template) and left out.
class Dataset {
 public:
  Dataset(const std::vector<std::string>& files, const Config& config, std::shared_ptr<const PromptMaker> maker,
          const Tokenizer& tokenizer);
  ~Dataset();
  size_t size() const;                          // rows that fit
  size_t dropped() const;                       // rows that are too long
  Prompt prompt(size_t index) const;            // draw = 0
  const std::string& task(size_t index) const;  // task id, without reading the row
  const std::string& fingerprint() const;       // hash over files and what was dropped

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace golong
