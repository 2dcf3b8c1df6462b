#include "core/data/dataset.h"

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <utility>

#include "core/base/error.h"
#include "core/base/file_patterns.h"
#include "core/base/hash.h"
#include "core/data/parallel.h"
#include "core/data/token_counts.h"

namespace golong {
namespace {

struct Place {
  uint32_t file;
  uint32_t row;  // in the file
  uint32_t tokens;
  uint32_t task;  // index of Dataset's task names
};

// Adds where it happened to an error that does not say so itself.
template <class Function>
auto at(const RowFile& file, size_t row, Function&& function) {
  try {
    return function();
  } catch (const Error& error) {
    const std::string where = file.where(row);
    if (std::string_view(error.what()).starts_with(where)) throw;
    fail(where, ": ", error.what());
  }
}

}  // namespace

struct Dataset::State {
  std::shared_ptr<const PromptMaker> maker;
  std::vector<std::unique_ptr<RowFile>> files;
  std::vector<std::string> tasks;
  std::vector<Place> places;
  size_t dropped = 0;
  size_t longest_dropped = 0;
  std::string fingerprint;

  Prompt make(size_t file, size_t row) const {
    const RowFile& rows = *files[file];
    return at(rows, row, [&] {
      const std::string uid = rows.fingerprint().substr(0, 12) + ":" + std::to_string(rows.line_number(row));
      return maker->make(rows.read(row), uid);
    });
  }

  std::vector<TokenCount> counts(size_t file, const Config& config, const Tokenizer& tokenizer,
                                 const Progress& progress) const {
    const RowFile& rows = *files[file];
    const TokenCountCache cache(config.data.cache);
    const std::string key = golong::fingerprint(rows.fingerprint() + tokenizer.fingerprint() + maker->fingerprint());
    std::vector<TokenCount> counts;
    if (cache.load(key, rows.size(), counts)) return counts;
    counts.resize(rows.size());
    std::mutex mutex;  // of `done`
    size_t done = 0;
    parallel_for(rows.size(), [&](size_t row) {
      const Prompt prompt = make(file, row);
      counts[row] = {static_cast<uint32_t>(prompt.token_ids.size()), prompt.task};
      const std::lock_guard lock(mutex);
      if (++done; progress && (done % 64 == 0 || done == rows.size())) progress(done, rows.size());
    });
    cache.save(key, counts);
    return counts;
  }

  void add(size_t file, const std::vector<TokenCount>& counts, size_t limit) {
    for (size_t row = 0; row < counts.size(); ++row) {
      if (counts[row].tokens > limit) {
        ++dropped;
        longest_dropped = std::max<size_t>(longest_dropped, counts[row].tokens);
        continue;
      }
      const auto known = std::find(tasks.begin(), tasks.end(), counts[row].task);
      const auto task = static_cast<uint32_t>(known - tasks.begin());
      if (known == tasks.end()) tasks.push_back(counts[row].task);
      places.push_back({static_cast<uint32_t>(file), static_cast<uint32_t>(row), counts[row].tokens, task});
    }
  }
};

Dataset::Dataset(const std::vector<std::string>& files, const Config& config, std::shared_ptr<const PromptMaker> maker,
                 const Tokenizer& tokenizer, const Progress& progress)
    : state_(new State) {
  state_->maker = std::move(maker);
  const auto limit = static_cast<size_t>(config.data.max_prompt_tokens);
  std::string identity = std::to_string(limit);
  for (const std::string& name : all_row_files(files)) {
    state_->files.push_back(std::make_unique<RowFile>(name));
    const size_t file = state_->files.size() - 1;
    state_->add(file, state_->counts(file, config, tokenizer, progress), limit);
    identity += "/" + state_->files.back()->fingerprint();
  }
  uint64_t kept = 0;
  for (const Place& place : state_->places) kept = mix64(kept ^ (uint64_t{place.file} << 32 | place.row));
  identity += "/" + std::to_string(kept);
  state_->fingerprint = golong::fingerprint(identity);
  if (!state_->places.empty()) return;
  std::string names;
  for (const std::string& name : files) names += (names.empty() ? "" : ", ") + name;
  if (state_->dropped == 0) fail(names.empty() ? "no files are given" : names, ": there are no rows");
  fail(names, ": all ", state_->dropped, " prompts have more than data.max_prompt_tokens = ", limit,
       " tokens (the longest ", state_->longest_dropped, ")");
}

Dataset::~Dataset() = default;

size_t Dataset::size() const { return state_->places.size(); }
size_t Dataset::dropped() const { return state_->dropped; }
const std::string& Dataset::task(size_t index) const { return state_->tasks[state_->places.at(index).task]; }
size_t Dataset::prompt_tokens(size_t index) const { return state_->places.at(index).tokens; }
const std::string& Dataset::fingerprint() const { return state_->fingerprint; }

Prompt Dataset::prompt(size_t index) const {
  const Place& place = state_->places.at(index);
  return state_->make(place.file, place.row);
}

}  // namespace golong
