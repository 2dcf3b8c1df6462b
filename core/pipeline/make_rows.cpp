#include "core/pipeline/make_rows.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/random.h"
#include "core/data/row.h"
#include "core/pipeline/answer_check.h"
#include "core/pipeline/row_writer.h"
#include "core/pipeline/task_maker.h"

namespace golong {
namespace {

constexpr size_t max_passes = 40;             // over the documents of a pool, each with another seed
constexpr size_t max_questions_at_once = 40;  // of one document in one pass

// The prompt of a row, as one text.
std::string prompt_text(const Row& row) {
  std::string text;
  for (const auto& message : row.prompt) text += message.role + "\n" + message.content + "\n";
  return text;
}

// Prompts that came already. Hashes of 64 bits: of a million rows two would collide once in 30 million runs, and then a
// row is left out.
class Seen {
 public:
  void add_file(const std::filesystem::path& file) {
    const MappedFile mapped(file);
    const std::string_view bytes = mapped.bytes();
    size_t number = 0;
    for (size_t at = 0; at < bytes.size();) {
      const size_t end = std::min(bytes.find('\n', at), bytes.size());
      const std::string_view line = bytes.substr(at, end - at);
      at = end + 1;
      ++number;
      if (line.empty()) continue;
      add(prompt_text(parse_row(line, file.string() + ":" + std::to_string(number))));
    }
  }
  // False where it came already.
  bool add(const std::string& prompt) { return prompts_.insert(hash64(prompt)).second; }

 private:
  std::set<uint64_t> prompts_;
};

// Keeps any one answer of a task to a share of the rows that are made, and two more: else a model does well by guessing
// it. Rows that turn out to be wrong afterwards have been counted.
class AnswerShares {
 public:
  explicit AnswerShares(double most) : most_(most) {}

  // Whether a row with this gold may come; then it is counted.
  bool add(const Gold& gold) {
    std::string answer = gold.label;
    for (const auto& item : gold.items) answer += "\n" + item;
    size_t& rows = rows_[hash64(answer)];
    if (static_cast<double>(rows) >= most_ * static_cast<double>(all_ + 1) + 1) return false;
    ++rows;
    ++all_;
    return true;
  }

 private:
  double most_;
  std::map<uint64_t, size_t> rows_;
  size_t all_ = 0;
};

// What the rows of one task are made with, and what became of them.
struct Making {
  const MakeOptions& options;
  const TaskMaker& task;
  const AnswerCheck& check;
  Seen& seen;
  AnswerShares answers;
  TaskTally& tally;
  std::vector<std::string>& lines;
};

// The documents of one language and kind that suit a task, and how far they are used.
class Pool {
 public:
  Pool(std::string name, std::vector<const SourceDocument*> documents, uint64_t key)
      : name_(std::move(name)), documents_(std::move(documents)), key_(key) {
    RandomSequence(random_key({key_, 1})).shuffle(documents_);
  }

  const std::string& name() const { return name_; }
  bool exhausted() const { return exhausted_; }

  // Up to `wanted` more rows, appended to `making.lines`; fewer when the pool is exhausted.
  size_t draw(size_t wanted, Making& making) {
    size_t drawn = 0;
    while (drawn < wanted && !exhausted_) {
      const size_t questions =
          std::clamp<size_t>((wanted - drawn) * 2 / documents_.size() + 1, 1, max_questions_at_once);
      std::vector<std::string> candidates;
      while (at_ < documents_.size() && candidates.size() < wanted - drawn) {
        ask(*documents_[at_++], questions, wanted - drawn, making, candidates);
      }
      const auto perfect = making.check.perfect(making.task, candidates);
      for (size_t i = 0; i < candidates.size(); ++i) {
        if (perfect[i]) {
          making.lines.push_back(std::move(candidates[i]));
          ++drawn;
          ++new_rows_;
        } else {
          ++making.tally.imperfect;
        }
      }
      if (at_ == documents_.size()) next_pass();
    }
    making.tally.rows += drawn;
    making.tally.sources[name_] += drawn;
    return drawn;
  }

 private:
  void ask(const SourceDocument& document, size_t questions, size_t limit, Making& making,
           std::vector<std::string>& candidates) {
    const uint64_t seed = random_key({key_, 2, pass_});
    for (const auto& made :
         making.task.generate(document, static_cast<uint32_t>(questions), seed, making.options.max_context_bytes)) {
      if (candidates.size() == limit) return;
      const std::string id = making.task.id() + "-" + std::to_string(making.options.seed) + "-" +
                             fingerprint(made.context + "\n" + made.question).substr(0, 10);
      std::string line = row_json(id, making.task.id(), document.id, made);
      if (!making.seen.add(prompt_text(parse_row(line, id)))) {
        ++making.tally.repeated;
      } else if (!making.answers.add(made.gold)) {
        ++making.tally.frequent;
      } else {
        candidates.push_back(std::move(line));
      }
    }
  }

  // A pass that brought nothing new ends the pool.
  void next_pass() {
    exhausted_ = new_rows_ == 0 || ++pass_ == max_passes;
    new_rows_ = 0;
    at_ = 0;
  }

  std::string name_;
  std::vector<const SourceDocument*> documents_;
  uint64_t key_;
  uint64_t pass_ = 0;
  size_t at_ = 0;
  size_t new_rows_ = 0;
  bool exhausted_ = false;
};

// Draws `wanted` rows from the pools, evenly; what one lacks the others give.
size_t draw_evenly(std::vector<Pool*> pools, size_t wanted, Making& making) {
  size_t drawn = 0;
  while (drawn < wanted && !pools.empty()) {
    const size_t open = pools.size();
    const size_t missing = wanted - drawn;
    for (size_t i = 0; i < open; ++i) {
      const size_t share = missing / open + (i < missing % open ? 1 : 0);
      drawn += pools[i]->draw(share, making);
    }
    pools.erase(std::remove_if(pools.begin(), pools.end(), [](const Pool* pool) { return pool->exhausted(); }),
                pools.end());
  }
  return drawn;
}

std::vector<Pool> pools_of(const TaskMaker& task, const std::vector<const SourceDocument*>& documents, uint64_t seed) {
  std::map<std::pair<std::string, std::string>, std::vector<const SourceDocument*>> suited;
  for (const auto* document : documents) {
    if (task.suits(*document) > 0) suited[{document->language, document->kind}].push_back(document);
  }
  std::vector<Pool> pools;
  for (auto& [name, list] : suited) {
    const std::string full = name.first + " " + name.second;
    pools.emplace_back(full, std::move(list), random_key({seed, hash64(task.id()), hash64(full)}));
  }
  return pools;
}

bool of_language(const Pool& pool, const std::string& language) { return pool.name().rfind(language + " ", 0) == 0; }

TaskTally make_task(const MakeOptions& options, const TaskMaker& task, const AnswerCheck& check,
                    const std::vector<const SourceDocument*>& documents, Seen& seen, std::vector<std::string>& lines) {
  TaskTally tally{.task = task.id()};
  Making making{options, task, check, seen, AnswerShares(options.max_answer_share), tally, lines};
  auto pools = pools_of(task, documents, options.seed);
  std::vector<Pool*> rest;
  for (auto& pool : pools) {
    const bool shared = std::any_of(options.languages.begin(), options.languages.end(),
                                    [&](const auto& entry) { return of_language(pool, entry.first); });
    if (!shared) rest.push_back(&pool);
  }
  size_t drawn = 0;
  for (const auto& [language, share] : options.languages) {
    std::vector<Pool*> own;
    for (auto& pool : pools) {
      if (of_language(pool, language)) own.push_back(&pool);
    }
    const auto wanted = static_cast<size_t>(std::llround(share * static_cast<double>(options.rows_per_task)));
    drawn += draw_evenly(own, std::min(wanted, options.rows_per_task - drawn), making);
  }
  draw_evenly(rest, options.rows_per_task - drawn, making);
  return tally;
}

std::vector<std::string> chosen_tasks(const MakeOptions& options, const plugin::Registry& registry) {
  for (const auto& id : options.tasks) {
    if (!TaskMaker::can_generate(registry.find(plugin::Kind::task, id))) {
      fail("task ", id, " cannot make questions from documents");
    }
  }
  if (!options.tasks.empty()) return options.tasks;
  std::vector<std::string> ids;
  for (const auto& plugin : registry.plugins()) {
    if (TaskMaker::can_generate(plugin)) ids.push_back(plugin.id);
  }
  if (ids.empty()) fail("no task plugin that makes questions from documents was found (see `golong plugin list`)");
  return ids;
}

}  // namespace

MadeRows make_rows(const MakeOptions& options, const Config& config,
                   const std::shared_ptr<const plugin::Registry>& registry,
                   const std::function<void(const TaskTally&)>& on_task) {
  const auto ids = chosen_tasks(options, *registry);
  const auto all = read_documents(options.documents);
  std::vector<const SourceDocument*> documents;
  for (const auto& document : all) {
    if (in_split(document, options.split, options.eval_share)) documents.push_back(&document);
  }
  if (documents.empty()) {
    fail(options.documents.string(), ": none of its ", all.size(),
         " documents is on this side of the split; an --eval-share of ", options.eval_share, " may leave it empty");
  }
  Seen seen;
  for (const auto& file : options.exclude) seen.add_file(file);
  const AnswerCheck check(config, registry);
  MadeRows made;
  for (const auto& id : ids) {
    const auto settings = config.task_settings.find(id);
    const TaskMaker task(registry->find(plugin::Kind::task, id),
                         settings == config.task_settings.end() ? plugin::Settings{} : settings->second);
    made.tallies.push_back(make_task(options, task, check, documents, seen, made.lines));
    if (on_task) on_task(made.tallies.back());
  }
  RandomSequence(random_key({options.seed, hash64("order of rows")})).shuffle(made.lines);
  return made;
}

}  // namespace golong
