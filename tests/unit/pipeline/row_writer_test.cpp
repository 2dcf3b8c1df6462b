#include "core/pipeline/row_writer.h"

#include <gtest/gtest.h>

#include "core/data/row.h"

namespace golong {
namespace {

MadeQuestion question() {
  MadeQuestion made{.context = "Some \"text\"\n第二行",
                    .question = "Why?",
                    .data_source = "longbench_pro",
                    .reward_mode = "T1.2 Key-Snippet Retrieval"};
  made.gold.has_items = true;
  made.gold.items = {"[1]", "甲"};
  made.gold.language = "Chinese";
  return made;
}

TEST(RowWriter, WritesTheReleasedSchema) {
  const Row row = parse_row(row_json("id-1", "graded_ranking", "doc-9", question()), "test");
  EXPECT_EQ(row.id, "id-1");
  EXPECT_EQ(row.data_source, "longbench_pro");
  EXPECT_EQ(row.ability, "Dimension-quantified retrieval and graded ranking");
  EXPECT_EQ(row.reward_mode, "T1.2 Key-Snippet Retrieval");
  EXPECT_EQ(row.question, "Why?");
  ASSERT_EQ(row.prompt.size(), 1u);
  EXPECT_EQ(row.prompt[0].role, "user");
  EXPECT_EQ(row.prompt[0].content, "Some \"text\"\n第二行\n\n\n\nWhy?");
  EXPECT_EQ(row.gold.items, (std::vector<std::string>{"[1]", "甲"}));
  EXPECT_EQ(row.gold.label, "");
  EXPECT_EQ(row.gold.language, "Chinese");
  EXPECT_EQ(row.gold.variant, "T1.2 Key-Snippet Retrieval");
  EXPECT_NE(row.extra_info.find("doc-9"), std::string::npos);
}

TEST(RowWriter, WritesOneLine) { EXPECT_EQ(row_json("a", "b", "c", question()).find('\n'), std::string::npos); }

TEST(RowWriter, LabelsStandInGoldenLabel) {
  MadeQuestion made = question();
  made.gold = {};
  made.gold.has_label = true;
  made.gold.label = "{\"data\": []}";
  const Row row = parse_row(row_json("a", "table_extraction", "c", made), "test");
  EXPECT_TRUE(row.gold.has_label);
  EXPECT_EQ(row.gold.label, "{\"data\": []}");
  EXPECT_TRUE(row.gold.items.empty());
}

TEST(RowWriter, TasksOfOthersKeepTheirId) {
  EXPECT_EQ(ability_of("my_task"), "my_task");
  EXPECT_EQ(ability_of("summarization"), "Long document summarization");
}

}  // namespace
}  // namespace golong
