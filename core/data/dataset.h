// The rows that a run draws from, as prompts. Start here to read this folder: row.h says what a row is, row_file.h
// where it stands, prompt_maker.h how it becomes a prompt, sampler.h which one comes next.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/data/group.h"
#include "core/data/prompt_maker.h"
#include "core/data/row_file.h"
#include "core/text/tokenizer.h"

namespace golong {

// The rows of several files whose prompts fit, known by index; prompts are made when asked for. Over-long rows are
// counted and left out. To know the lengths every row is made into a prompt once, on all cores; the counts are kept in
// data.cache under a hash of file, tokenizer, template, routes and task plugins. Thread-safe.
class Dataset {
 public:
  // Called now and then while tokens are counted, from any thread, by one at a time; never where the cache knows all.
  using Progress = std::function<void(size_t rows_done, size_t rows)>;

  // `files` are as all_row_files() reads them. Throws Error with FILE:LINE for a row that cannot become a prompt, and
  // where no row is left.
  Dataset(const std::vector<std::string>& files, const Config& config, std::shared_ptr<const PromptMaker> maker,
          const Tokenizer& tokenizer, const Progress& progress = {});
  ~Dataset();
  size_t size() const;                          // rows that fit
  size_t dropped() const;                       // rows that are too long
  Prompt prompt(size_t index) const;            // draw = 0. Throws Error with FILE:LINE
  const std::string& task(size_t index) const;  // task id, without reading the row
  size_t prompt_tokens(size_t index) const;     // length of the prompt, without reading the row
  const std::string& fingerprint() const;       // hash over files and what was dropped

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace golong
