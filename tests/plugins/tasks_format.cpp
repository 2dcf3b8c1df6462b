// How the nine tasks turn rows into messages, and the answers that they call perfect.
#include <gtest/gtest.h>

#include "core/plugin/call.h"
#include "tests/plugins/tasks_support.h"

namespace golong {
namespace {

struct Rendered {
  std::vector<std::pair<std::string, std::string>> messages;
  std::vector<std::string> items;
  std::string label;
  int golds = 0;
};

Rendered render(const std::string& task, const std::vector<golong_message>& messages, const std::string& question,
                const std::string& extra_info) {
  const plugin::Instance instance(built_in_plugins()->find(plugin::Kind::task, task), {});
  golong_string item{"one", 3};
  golong_row row{};
  row.struct_size = sizeof row;
  row.message_count = static_cast<uint32_t>(messages.size());
  row.messages = messages.data();
  row.question = plugin::view(question);
  row.extra_info = plugin::view(extra_info);
  row.gold.struct_size = sizeof row.gold;
  row.gold.items = {&item, 1};
  row.gold.label = {"label", 5};
  Rendered out;
  const golong_prompt_sink sink{sizeof(golong_prompt_sink), 0, &out,
                                [](void* context, const golong_message* m) {
                                  static_cast<Rendered*>(context)->messages.emplace_back(plugin::copy(m->role),
                                                                                         plugin::copy(m->content));
                                },
                                [](void* context, const golong_gold* gold) {
                                  auto& rendered = *static_cast<Rendered*>(context);
                                  ++rendered.golds;
                                  rendered.label = plugin::copy(gold->label);
                                  for (uint64_t i = 0; i < gold->items.size; ++i)
                                    rendered.items.push_back(plugin::copy(gold->items.items[i]));
                                }};
  plugin::call(instance, "render",
               [&](golong_error* e) { return instance.task().render(instance.get(), &row, &sink, e); });
  return out;
}

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(TaskFormat, RendersTheMessagesOfTheRow) {
  const std::vector<golong_message> messages = {{{"system", 6}, {"be brief", 8}}, {{"user", 4}, {"ask", 3}}};
  for (const auto& task : kTasks) {
    const auto out = render(task, messages, "ignored", "{\"context\": \"ignored\"}");
    ASSERT_EQ(out.messages.size(), 2u) << task;
    EXPECT_EQ(out.messages[0], std::make_pair(std::string("system"), std::string("be brief")));
    EXPECT_EQ(out.messages[1], std::make_pair(std::string("user"), std::string("ask")));
    EXPECT_EQ(out.golds, 1);
    EXPECT_EQ(out.items, std::vector<std::string>{"one"});
    EXPECT_EQ(out.label, "label");
  }
}

TEST(TaskFormat, MakesAPromptOfContextAndQuestion) {
  for (const auto& task : kTasks) {
    const auto out = render(task, {}, "为什么？", R"({"context": "a\ntext", "other": 1})");
    ASSERT_EQ(out.messages.size(), 1u) << task;
    EXPECT_EQ(out.messages[0], std::make_pair(std::string("user"), std::string("a\ntext\n\n\n\n为什么？")));
    EXPECT_EQ(out.golds, 1);
  }
}

TEST(TaskFormat, SaysWhatARowWithoutAPromptLacks) {
  for (const char* extra : {"", "{}", "{\"context\": 3}", "[]", "{broken"}) {
    const auto message = message_of([&] { render("precise_retrieval", {}, "q", extra); });
    EXPECT_NE(message.find("the row has no prompt"), std::string::npos) << extra << ": " << message;
    EXPECT_NE(message.find("precise_retrieval"), std::string::npos) << message;
  }
  const auto message = message_of([&] { render("summarization", {}, "", "{\"context\": \"c\"}"); });
  EXPECT_NE(message.find("extra_info"), std::string::npos) << message;
}

Gold labelled(const std::string& label, const std::string& variant = "") {
  Gold gold;
  gold.has_label = true;
  gold.label = label;
  gold.variant = variant;
  return gold;
}

Gold listed(std::vector<std::string> items, const std::string& language) {
  Gold gold;
  gold.has_items = gold.has_language = true;
  gold.items = std::move(items);
  gold.language = language;
  return gold;
}

TEST(TaskFormat, PerfectAnswersToLabels) {
  EXPECT_EQ(task_maker("precise_retrieval").answer(labelled("1.2-3")), "1.2-3");
  EXPECT_EQ(task_maker("numerical_reasoning").answer(labelled("42")), "\\boxed{42}");
  EXPECT_EQ(task_maker("table_extraction").answer(labelled(R"({"data": [["a", "1"]]})")),
            R"(<answer>{"data": [["a", "1"]]}</answer>)");
  const auto choice = task_maker("evidence_reasoning");
  EXPECT_EQ(choice.answer(labelled("C")), "The correct answer is (C)");
  EXPECT_EQ(choice.answer(labelled("The correct answer is (D)")), "The correct answer is (D)");
  EXPECT_EQ(choice.answer(listed({"Paris"}, "English")), "[Answer]\nParis");  // LongBench-Pro's Accuracy
  Gold released = listed({"Paris"}, "English");                               // the released schema has every field
  released.has_label = true;
  EXPECT_EQ(choice.answer(released), "[Answer]\nParis");
}

TEST(TaskFormat, PerfectAnswerToRetrieveAndCalculate) {
  Gold gold = labelled("7", "retrieval_calculate");
  gold.has_items = true;
  gold.items = {"<|doc_1|>", "<|doc_4|>"};
  EXPECT_EQ(
      task_maker("numerical_reasoning").answer(gold),
      "<relevant_doc_ids><|doc_1|> <|doc_4|></relevant_doc_ids>\n<continue_reasoning>\\boxed{7}</continue_reasoning>");
}

TEST(TaskFormat, PerfectAnswersToLists) {
  for (const char* task : {"exhaustive_retrieval", "structured_matching", "graded_ranking", "sequence_ordering"}) {
    EXPECT_EQ(task_maker(task).answer(listed({"a", "b c"}, "English")), "[Answer]\na\nb c") << task;
    EXPECT_EQ(task_maker(task).answer(listed({"甲", "乙"}, "Chinese")), "[答案]\n甲\n乙") << task;
  }
  EXPECT_EQ(task_maker("summarization").answer(listed({"short", "other"}, "English")), "short");
}

TEST(TaskFormat, GoldThatLacksTheAnswerIsAnError) {
  for (const auto& task : kTasks) {
    const auto message = message_of([&] { task_maker(task).answer(Gold{}); });
    EXPECT_NE(message.find("task " + task), std::string::npos) << message;
    EXPECT_NE(message.find("reward_model.ground_truth"), std::string::npos) << message;
  }
}

TEST(TaskFormat, DefaultRewardsAreThoseOfThePaper) {
  const std::vector<std::string> rewards = {"em",     "accuracy", "f1",       "math_verify", "iou",
                                            "sub_em", "ndcg",     "pairwise", "rouge_l"};
  for (size_t i = 0; i < kTasks.size(); ++i) {
    const auto& plugin = built_in_plugins()->find(plugin::Kind::task, kTasks[i]);
    EXPECT_EQ(static_cast<const golong_task*>(plugin.descriptor->functions)->default_reward, rewards[i]);
    EXPECT_TRUE(TaskMaker::can_generate(plugin));
  }
}

}  // namespace
}  // namespace golong
