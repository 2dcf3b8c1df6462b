// The questions that the nine tasks make of real documents: right, verbatim, seeded, in the document's language.
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>

#include "tests/plugins/tasks_oracle.h"
#include "tests/plugins/tasks_support.h"

namespace golong {
namespace {

class EachTask : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Tasks, EachTask, testing::ValuesIn(kTasks), [](const auto& info) { return info.param; });

bool has_han(const std::string& text) {
  static const std::regex three_bytes("[\xE4-\xE9][\x80-\xBF][\x80-\xBF]");
  return std::regex_search(text, three_bytes);
}

TEST_P(EachTask, AsksInEnglishAndChinese) {
  std::map<std::string, int> languages;
  for (const auto& asked : ask_all(GetParam(), 600)) {
    EXPECT_EQ(asked.made.gold.language, asked.document->language);
    EXPECT_EQ(has_han(asked.made.question.substr(0, asked.made.question.find('\n'))),
              asked.document->language == "Chinese")
        << asked.made.question;
    ++languages[asked.document->language];
  }
  EXPECT_GE(languages["English"], 20);
  EXPECT_GE(languages["Chinese"], 6);
}

TEST_P(EachTask, SameSeedSameQuestions) {
  const auto first = ask_all(GetParam(), 500, 1), second = ask_all(GetParam(), 500, 1);
  ASSERT_EQ(first.size(), second.size());
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].made.context, second[i].made.context);
    EXPECT_EQ(first[i].made.question, second[i].made.question);
    EXPECT_EQ(first[i].made.gold.items, second[i].made.gold.items);
    EXPECT_EQ(first[i].made.gold.label, second[i].made.gold.label);
  }
}

TEST(Tasks, AnotherSeedGivesOtherQuestions) {
  for (const auto& id : kTasks) {
    if (id == "summarization") continue;  // a description has one summary, whatever the seed
    const TaskMaker maker = task_maker(id);
    const auto& document = test_documents().front();
    std::set<std::string> seen;
    for (uint64_t seed : {1, 2}) {
      const auto made = maker.generate(document, 5, seed, 600);
      ASSERT_FALSE(made.empty()) << id;
      seen.insert(made.front().context + made.front().question);
    }
    EXPECT_EQ(seen.size(), 2u) << id;
  }
}

TEST_P(EachTask, ContextsStayWithinTheLimit) {
  for (uint64_t limit : {250, 400, 900}) {
    for (const auto& asked : ask_all(GetParam(), limit, 1)) EXPECT_LE(asked.made.context.size(), limit);
  }
}

TEST_P(EachTask, LongContextsAreUsedAndAnswersStayShort) {
  size_t longest = 0;
  for (const auto& asked : ask_all(GetParam(), 6000, 2)) {
    longest = std::max(longest, asked.made.context.size());
    EXPECT_LE(asked.made.gold.items.size(), 60u);
    EXPECT_LE(asked.made.gold.label.size(), 900u);
  }
  EXPECT_GT(longest, GetParam() == "summarization" ? 600u : 2000u);
}

// Whole, or line by line below the numbers that a question needs.
TEST_P(EachTask, ContextsAreVerbatim) {
  static const std::regex number(R"(\[\d+\] )");
  for (const auto& asked : ask_all(GetParam(), 700)) {
    const auto& text = asked.document->text;
    if (text.find(asked.made.context) != std::string::npos) continue;
    EXPECT_TRUE(GetParam() == "sequence_ordering" || asked.made.context.rfind("[1] ", 0) == 0) << asked.made.context;
    std::istringstream lines(asked.made.context);
    for (std::string line; std::getline(lines, line);) {
      std::smatch m;
      if (std::regex_search(line, m, number, std::regex_constants::match_continuous)) line = m.suffix();
      EXPECT_NE(text.find(line), std::string::npos) << line;
    }
  }
}

// All tasks but summarization, whose answers cannot be computed from the context; see below.
class EachComputedTask : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Tasks, EachComputedTask, testing::ValuesIn(kTasks.begin(), kTasks.end() - 1),
                         [](const auto& info) { return info.param; });

TEST_P(EachComputedTask, AnIndependentOracleAgrees) {
  static const std::regex option(R"(\n\(([A-D])\) (.*))");
  size_t checked = 0;
  auto all = ask_all(GetParam(), 700, 4);
  for (auto& asked : ask_all(GetParam(), 6000, 3)) all.push_back(std::move(asked));  // long contexts ask otherwise
  for (const auto& [document, made] : all) {
    const auto expected = oracle::answer(made.context, made.question);
    ASSERT_TRUE(expected) << "the oracle does not know: " << made.question;
    std::vector<std::string> given = made.gold.has_label ? std::vector<std::string>{made.gold.label} : made.gold.items;
    if (GetParam() == "evidence_reasoning") {  // a letter stands for its option, which no other option equals
      std::map<std::string, std::string> options;
      for (std::sregex_iterator i(made.question.begin(), made.question.end(), option), end; i != end; ++i) {
        options[(*i)[1]] = (*i)[2];
      }
      ASSERT_EQ(options.size(), 4u) << made.question;
      std::set<std::string> values;
      for (const auto& entry : options) values.insert(entry.second);
      EXPECT_EQ(values.size(), 4u) << made.question;
      given = {options[made.gold.label]};
    }
    EXPECT_EQ(given, *expected) << made.context << "\n----\n" << made.question;
    ++checked;
  }
  EXPECT_GT(checked, 60u);
}

TEST(Tasks, ChoicesAreSpreadOverTheLetters) {
  std::map<std::string, int> letters;
  int all = 0;
  for (const auto& asked : ask_all("evidence_reasoning", 600, 8)) {
    ++letters[asked.made.gold.label];
    ++all;
  }
  for (const char* letter : {"A", "B", "C", "D"}) EXPECT_NEAR(letters[letter], all / 4.0, 0.08 * all) << letter;
}

TEST(Tasks, SummariesStandInTheDocumentAndNotWhollyInTheirText) {
  size_t checked = 0;
  for (const auto& [document, made] : ask_all("summarization", 900)) {
    ASSERT_EQ(made.gold.items.size(), 1u);
    const auto& summary = made.gold.items[0];
    EXPECT_NE(document->text.find(summary), std::string::npos);
    EXPECT_NE(document->text.find(made.context), std::string::npos);
    EXPECT_EQ(summary.find('\n'), std::string::npos);
    EXPECT_GE(made.context.size(), 2 * summary.size());
    ++checked;
  }
  EXPECT_GE(checked, 12u);
}

TEST(Tasks, RankingsHaveOneRightOrder) {
  for (const auto& asked : ask_all("graded_ranking", 600)) {
    EXPECT_GE(asked.made.gold.items.size(), 2u);
    const std::set<std::string> unique(asked.made.gold.items.begin(), asked.made.gold.items.end());
    EXPECT_EQ(unique.size(), asked.made.gold.items.size());
  }
}

TEST_P(EachTask, UnknownKindsAndPoorTextsGiveNothing) {
  const TaskMaker maker = task_maker(GetParam());
  for (const SourceDocument& document :
       {SourceDocument{"a", "t", "poem", "English", "One line\n\nand another line of it"},
        SourceDocument{"b", "t", "packages", "English", ""},
        SourceDocument{"c", "t", "changelog", "English", "no entry"},
        SourceDocument{"d", "t", "manual", "Chinese", "名称"},
        SourceDocument{"e", "t", "changelog", "English", "a (1) unstable; urgency=low\n\n  * x\n"}}) {
    EXPECT_EQ(maker.suits(document), 0) << document.id;
    EXPECT_TRUE(maker.generate(document, 5, 1, 600).empty()) << document.id;
  }
}

TEST_P(EachTask, OddTextsDoNoHarm) {
  const TaskMaker maker = task_maker(GetParam());
  const std::string nul("a\0b \0\n", 7);
  for (const auto& kind : {"book", "packages", "changelog", "manual", "description"}) {
    for (const auto& language : {"English", "Chinese", "Klingon", ""}) {
      for (const std::string& text :
           {std::string("\n\n \n# \n: \n1:\n"), nul + nul + nul, std::string(5000, 'x'), std::string(300, '\n'),
            std::string("Package: \n\nPackage: \nSection: \n\nPackage: a\nInstalled-Size: 99999999999999999999\n"),
            std::string("-a\n    \n-b\n    -\n-c\n    ,\n"),
            std::string("A1:1 x\nA1:1 x\nA1:999999999999999999999 x\n"),
            std::string("p (1) u; urgency=low\n -- N  Mo, 1 Foo 2000 1:1:1 +0\n\np (1) u; urgency=\n --   x, 1:\n")}) {
        const SourceDocument document{"odd", "t", kind, language, text};
        const double suits = maker.suits(document);
        EXPECT_TRUE(suits >= 0 && suits <= 1);
        for (const auto& made : maker.generate(document, 5, 1, 600)) EXPECT_LE(made.context.size(), 600u);
      }
    }
  }
}

TEST_P(EachTask, NoContextFitsIntoNothing) {
  const TaskMaker maker = task_maker(GetParam());
  for (const auto& document : test_documents()) EXPECT_TRUE(maker.generate(document, 3, 1, 0).empty());
}

}  // namespace
}  // namespace golong
