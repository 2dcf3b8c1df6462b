// Whole datasets out of a few real documents, by the built-in plugins.
#include "core/pipeline/make_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "core/base/error.h"
#include "core/data/row.h"
#include "tests/unit/error_message.h"

namespace golong {
namespace {

const std::shared_ptr<const plugin::Registry>& registry() {
  static const auto loaded = plugin::Registry::load({GOLONG_BINARY_DIR "/lib/golong/plugins"});
  return loaded;
}

MakeOptions options(size_t rows) {
  MakeOptions made;
  made.documents = GOLONG_SOURCE_DIR "/tests/data/documents/documents.jsonl";
  made.rows_per_task = rows;
  made.seed = 5;
  return made;
}

MadeRows make(const MakeOptions& options, const Config& config = {}) { return make_rows(options, config, registry()); }

std::string error(const MakeOptions& options) {
  return error_message([&] { make(options); });
}

// Task id -> rows.
std::map<std::string, int> count(const MadeRows& made) {
  std::map<std::string, int> counts;
  const Router router({}, registry());
  for (const auto& line : made.lines) ++counts[router.route(parse_row(line, "row")).task];
  return counts;
}

TEST(MakeRows, MakesAsManyRowsOfEachTask) {
  const auto made = make(options(12));
  const auto counts = count(made);
  EXPECT_EQ(counts.size(), 9u);
  for (const auto& [task, rows] : counts) EXPECT_EQ(rows, 12) << task;
  ASSERT_EQ(made.tallies.size(), 9u);
  for (const auto& tally : made.tallies) {
    EXPECT_EQ(tally.rows, 12u);
    EXPECT_EQ(tally.imperfect, 0u) << tally.task;
    size_t sum = 0;
    for (const auto& [source, rows] : tally.sources) sum += rows;
    EXPECT_EQ(sum, tally.rows);
  }
}

TEST(MakeRows, IsDeterministicAndFollowsTheSeed) {
  auto o = options(6);
  const auto first = make(o);
  EXPECT_EQ(first.lines, make(o).lines);
  o.seed = 6;
  EXPECT_NE(first.lines, make(o).lines);
}

TEST(MakeRows, RowsAreDifferentAndMixed) {
  const auto made = make(options(20));
  std::set<std::string> prompts, ids, first_tasks;
  for (const auto& line : made.lines) {
    const Row row = parse_row(line, "row");
    prompts.insert(row.prompt.at(0).content);
    ids.insert(row.id);
    if (prompts.size() <= 20) first_tasks.insert(row.ability);
  }
  EXPECT_EQ(prompts.size(), made.lines.size());
  EXPECT_EQ(ids.size(), made.lines.size());
  EXPECT_GE(first_tasks.size(), 4u);  // not sorted by task
}

TEST(MakeRows, KeepsTheSplitsApart) {
  auto o = options(8);
  o.eval_share = 0.4;
  o.split = Split::eval;
  const auto eval = make(o);
  o.split = Split::train;
  const auto train = make(o);
  ASSERT_FALSE(eval.lines.empty());
  ASSERT_FALSE(train.lines.empty());
  for (const auto& document : read_documents(o.documents)) {
    const std::string mark = "\"documents\":[\"" + document.id + "\"]";
    auto has = [&](const MadeRows& made) {
      return std::any_of(made.lines.begin(), made.lines.end(),
                         [&](const auto& line) { return line.find(mark) != std::string::npos; });
    };
    if (has(eval)) {
      EXPECT_TRUE(in_split(document, Split::eval, 0.4)) << document.id;
      EXPECT_FALSE(has(train)) << document.id;
    }
  }
}

TEST(MakeRows, LeavesOutExcludedRows) {
  auto o = options(10);
  o.tasks = {"precise_retrieval"};
  const auto first = make(o);
  const auto path = std::filesystem::path(testing::TempDir()) / "golong_exclude.jsonl";
  {
    std::ofstream out(path);
    for (const auto& line : first.lines) out << line << "\n";
  }
  o.exclude = {path};
  const auto second = make(o);
  ASSERT_EQ(second.lines.size(), 10u);
  EXPECT_GT(second.tallies[0].repeated, 0u);
  std::set<std::string> prompts;
  for (const auto& line : first.lines) prompts.insert(parse_row(line, "row").prompt.at(0).content);
  for (const auto& line : second.lines) EXPECT_FALSE(prompts.count(parse_row(line, "row").prompt.at(0).content));
}

TEST(MakeRows, KeepsAnyOneAnswerBelowItsShare) {
  auto o = options(100);
  o.tasks = {"numerical_reasoning"};
  auto most_frequent = [](const MadeRows& made) {
    std::map<std::string, size_t> answers;
    size_t most = 0;
    for (const auto& line : made.lines) most = std::max(most, ++answers[parse_row(line, "row").gold.label]);
    return most;
  };
  const size_t before = most_frequent(make(o));
  o.max_answer_share = 0.15;
  const auto even = make(o);
  EXPECT_GT(before, 25u);  // of 1
  EXPECT_LE(most_frequent(even), 17u);
  EXPECT_EQ(even.lines.size(), 100u);
  EXPECT_GT(even.tallies[0].frequent, 0u);
}

TEST(MakeRows, HoldsTheSharesOfLanguages) {
  auto o = options(20);
  o.tasks = {"exhaustive_retrieval", "sequence_ordering"};
  o.languages = {{"Chinese", 0.25}};
  for (const auto& tally : make(o).tallies) {
    size_t chinese = 0;
    for (const auto& [source, rows] : tally.sources) chinese += source.rfind("Chinese ", 0) == 0 ? rows : 0;
    EXPECT_EQ(chinese, 5u) << tally.task;
    EXPECT_EQ(tally.rows, 20u);
  }
  o.languages = {{"Chinese", 0}};
  for (const auto& line : make(o).lines) EXPECT_EQ(parse_row(line, "row").gold.language, "English");
}

TEST(MakeRows, AKindThatRunsOutLeavesItsShareToOthers) {
  auto o = options(100000);
  o.tasks = {"summarization"};
  o.max_context_bytes = 900;
  const auto all = make(o);
  ASSERT_LT(all.lines.size(), 100u);  // exhausted: every document has few summaries
  o.rows_per_task = all.lines.size() - 1;
  EXPECT_EQ(make(o).lines.size(), all.lines.size() - 1);
}

// The answers of precise_retrieval are no tables: with that reward none is perfect.
TEST(MakeRows, DropsRowsWhoseOwnAnswerIsNotPerfect) {
  auto o = options(5);
  o.tasks = {"precise_retrieval", "table_extraction"};
  Config config;
  config.task_rewards["precise_retrieval"] = "iou";
  const auto made = make(o, config);
  ASSERT_EQ(made.tallies.size(), 2u);
  EXPECT_EQ(made.tallies[0].rows, 0u);
  EXPECT_GT(made.tallies[0].imperfect, 0u);
  EXPECT_EQ(made.tallies[1].rows, 5u);
  EXPECT_EQ(made.lines.size(), 5u);
}

TEST(MakeRows, TellsEachTaskWhenItIsDone) {
  std::vector<std::string> done;
  auto o = options(2);
  make_rows(o, {}, registry(), [&](const TaskTally& tally) { done.push_back(tally.task); });
  EXPECT_EQ(done.size(), 9u);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
}

TEST(MakeRows, SaysWhatIsWrong) {
  auto o = options(1);
  o.tasks = {"precise_retreival"};
  EXPECT_NE(error(o).find("precise_retrieval"), std::string::npos) << error(o);
  o = options(1);
  o.documents = "/nowhere.jsonl";
  EXPECT_NE(error(o).find("/nowhere.jsonl"), std::string::npos);
  o = options(1);
  o.split = Split::eval;
  o.eval_share = 0;
  EXPECT_NE(error(o).find("none of its"), std::string::npos) << error(o);
}

}  // namespace
}  // namespace golong
