// TaskMaker trusts nothing that comes back from a plugin: tasks that misbehave are made here, in the test itself.
#include "core/pipeline/task_maker.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/base/error.h"
#include "golong/plugin.hpp"
#include "tests/unit/error_message.h"

namespace golong {
namespace {

// What the next call does; set by each test.
struct Behaviour {
  double suits = 1;
  uint32_t questions = 1;
  std::string context = "context", question = "question?", data_source = "EM";
  std::string failure;
} behaviour;

struct Odd : sdk::Task, sdk::Generate {
  static constexpr const char* default_reward = "em";
  std::string answer(const sdk::Gold& gold) override {
    std::string text = std::string(gold.label()) + "|" + std::string(gold.language());
    for (const auto& item : gold.items()) text += "|" + item;
    if (!gold.has_items()) text += "|none";
    return text;
  }
  double suits(const sdk::Document&) override { return behaviour.suits; }
  void generate(const sdk::Document& document, const sdk::GenerateRequest& request,
                const sdk::QuestionSink& sink) override {
    if (!behaviour.failure.empty()) throw std::runtime_error(behaviour.failure);
    for (uint32_t i = 0; i < behaviour.questions; ++i) {
      sdk::Question q{
          .context = behaviour.context, .question = behaviour.question, .data_source = behaviour.data_source};
      q.gold.items = {std::string(document.title), std::to_string(request.seed), std::to_string(request.max_questions)};
      q.gold.language = document.language;
      sink(q);
    }
  }
};

struct Silent : sdk::Task {  // without the extension
  static constexpr const char* default_reward = "em";
  std::string answer(const sdk::Gold&) override { return ""; }
};

template <class T>
plugin::Plugin plugin_of(const char* id) {
  static auto made = sdk::task<T>(id, "1.0.0", "for a test");
  static const golong_descriptor* descriptor = made.finish();
  return {plugin::Kind::task, id, "test.so", descriptor};
}

class TaskMakerTest : public testing::Test {
 protected:
  TaskMakerTest() : plugin_(plugin_of<Odd>("odd")), maker_(plugin_, {}) { behaviour = {}; }
  std::string error(uint64_t limit = 100) {
    return error_message([&] { maker_.generate(document_, 2, 7, limit); });
  }
  plugin::Plugin plugin_;
  TaskMaker maker_;
  SourceDocument document_{"doc-1", "Title", "book", "English", "text", "g"};
};

TEST_F(TaskMakerTest, PassesTheDocumentAndCopiesTheQuestion) {
  const auto made = maker_.generate(document_, 2, 7, 100);
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].context, "context");
  EXPECT_EQ(made[0].question, "question?");
  EXPECT_EQ(made[0].data_source, "EM");
  EXPECT_EQ(made[0].gold.items, (std::vector<std::string>{"Title", "7", "2"}));
  EXPECT_TRUE(made[0].gold.has_items);
  EXPECT_FALSE(made[0].gold.has_label);
  EXPECT_EQ(made[0].gold.language, "English");
}

TEST_F(TaskMakerTest, PassesTheGoldToAnswer) {
  Gold gold;
  EXPECT_EQ(maker_.answer(gold), "||none");
  gold.has_items = gold.has_label = gold.has_language = true;
  gold.label = "L";
  gold.language = "Chinese";
  EXPECT_EQ(maker_.answer(gold), "L|Chinese");
  gold.items = {"x", ""};
  EXPECT_EQ(maker_.answer(gold), "L|Chinese|x|");
}

TEST_F(TaskMakerTest, RefusesSuitsOutOfRange) {
  for (double value : {-0.1, 1.5, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    behaviour.suits = value;
    EXPECT_THROW(maker_.suits(document_), Error) << value;
  }
  behaviour.suits = 0.5;
  EXPECT_EQ(maker_.suits(document_), 0.5);
}

TEST_F(TaskMakerTest, RefusesBadQuestionsAndNamesPluginAndDocument) {
  behaviour.questions = 3;
  EXPECT_EQ(error(), "task odd made 3 questions from document doc-1, at most 2 were asked for");
  behaviour = {};
  EXPECT_EQ(error(6),
            "task odd made a question from document doc-1 with a context of 7 bytes, at most 6 were asked for");
  behaviour.context = "";
  EXPECT_EQ(error(), "task odd made a question from document doc-1 with an empty context or question");
  behaviour = {};
  behaviour.data_source = "";
  EXPECT_EQ(error(), "task odd made a question from document doc-1 with no data_source");
  behaviour = {};
  behaviour.question = "\xFF?";
  EXPECT_EQ(error(), "task odd made a question from document doc-1 with text that is no valid UTF-8");
}

TEST_F(TaskMakerTest, PassesOnWhatThePluginSays) {
  behaviour.failure = "the moon is in the way";
  EXPECT_EQ(error(), "task odd: no questions from document doc-1: the moon is in the way");
}

TEST_F(TaskMakerTest, TellsTasksThatCannotGenerate) {
  const auto silent = plugin_of<Silent>("silent");
  EXPECT_TRUE(TaskMaker::can_generate(plugin_));
  EXPECT_FALSE(TaskMaker::can_generate(silent));
  EXPECT_THROW(TaskMaker(silent, {}), Error);
}

}  // namespace
}  // namespace golong
