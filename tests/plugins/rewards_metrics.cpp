// Each metric against values worked out by hand, in both modes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "plugins/common/python_json.h"
#include "plugins/common/unicode.h"
#include "tests/plugins/rewards_support.h"

namespace golong::rewards_test {
namespace {

using testing::HasSubstr;

const std::string kF1 = "T9.2 Localized Interface Change Detection",
                  kSubEm = "T10.1 Large-Scale In-Context Rule Induction", kNdcg = "T1.2 Key-Snippet Retrieval",
                  kPairwise = "T2.1 Global Timeline Reconstruction", kAccuracy = "T3.2 Single-Hop Fact QA",
                  kSummary = "T4.2 Query-Focused Summary";

double lines(const std::string& mode, std::vector<std::string> gold, const std::string& response,
             const std::string& rules = "released") {
  return score({"longbench_pro", mode, items(std::move(gold)), "thought</think>" + response}, rules);
}

// ------------------------------------------------------------------------------------------------- Python's text

TEST(PythonText, LowerIsPythons) {
  using plugins::lower;
  EXPECT_EQ(lower("ΌΔΟΣ ΣΑΣ."), "όδος σας.");  // final sigma
  EXPECT_EQ(lower("İ"), "i̇");                  // two code points
  EXPECT_EQ(lower("ẞÀÉ"), "ßàé");
  EXPECT_EQ(lower("ABC I"), "abc i");
  EXPECT_EQ(lower("@AZ[`az{ 中文，ABC “Quoted” ÜBER Ⅷ Ａ Ж 가"), "@az[`az{ 中文，abc “quoted” über ⅷ ａ ж 가");
  EXPECT_EQ(lower("Long enough for words, then \u212A"), "long enough for words, then k");  // three bytes become one
  EXPECT_EQ(lower("\u023A Long enough for words"), "\u2C65 long enough for words");         // two become three
  EXPECT_EQ(lower("Long enough for words, ΑΣ 中文 ΑΣΑ"), "long enough for words, ας 中文 ασα");
}

// Blocks of sixteen bytes: what counts may stand anywhere in one, or across two.
TEST(PythonText, EveryPlaceInABlock) {
  using plugins::lower;
  const std::pair<const char*, const char*> gaps[] = {{"  ", " "},           {"\t", " "},  {"\xC2\xA0", " "},
                                                      {"\xE3\x80\x80", " "}, {"、", "、"}, {" ", " "}};
  const std::pair<const char*, const char*> letters[] = {
      {"Z", "z"}, {"É", "é"}, {"Ａ", "ａ"}, {"\u2160", "\u2170"}, {"中", "中"}, {"\xE3\xC3\x89", "\xE3\xC3\xA9"}};
  for (size_t size = 1; size < 40; ++size) {
    const std::string before(size, 'x');
    for (const char* after : {"y", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"}) {
      for (auto [gap, becomes] : gaps) EXPECT_EQ(plugins::collapse(before + gap + after), before + becomes + after);
      for (auto [letter, small] : letters) EXPECT_EQ(lower(before + letter + after), before + small + after);
    }
  }
}

TEST(PythonText, WhitespaceIsPythons) {
  using plugins::strip;
  EXPECT_EQ(strip("\xE3\x80\x80\x1c a\xC2\xA0 b \xC2\x85\x1f\n"), "a\xC2\xA0 b");
  EXPECT_EQ(strip("\xE2\x80\x8B"
                  "a"),
            "\xE2\x80\x8B"
            "a");  // a zero-width space is none
  EXPECT_EQ(strip(" \t\n"), "");
  EXPECT_EQ(plugins::collapse(" a\xE2\x80\xA9\x0B b\r\n"), "a b");
  EXPECT_EQ(plugins::collapse("abcdefgh\ti 中文\u3000x"), "abcdefgh i 中文 x");
  EXPECT_EQ(plugins::collapse("one two three. 四、五"), "one two three. 四、五");
  EXPECT_EQ(plugins::collapse(" a"), "a");
  EXPECT_EQ(plugins::collapse("a "), "a");
  EXPECT_EQ(plugins::last_code_points("aé中😀", 2), "中😀");
  EXPECT_EQ(plugins::last_code_points("ab", 500), "ab");
  EXPECT_EQ(plugins::length(std::string("a\0\xff", 3)), 3u);
}

TEST(PythonJson, TextOfValues) {
  auto str = [](const char* json) { return plugins::python_str(plugins::parse_json(json)); };
  EXPECT_EQ(str("1"), "1");
  EXPECT_EQ(str("1.0"), "1.0");
  EXPECT_EQ(str("1e3"), "1000.0");
  EXPECT_EQ(str("-0"), "0");
  EXPECT_EQ(str("-0.0"), "-0.0");
  EXPECT_EQ(str("1e16"), "1e+16");
  EXPECT_EQ(str("123456789012345680.0"), "1.2345678901234568e+17");
  EXPECT_EQ(str("0.0001"), "0.0001");
  EXPECT_EQ(str("0.00001"), "1e-05");
  EXPECT_EQ(str("1e400"), "inf");
  EXPECT_EQ(str("NaN"), "nan");
  EXPECT_EQ(str("123456789012345678901234567890"), "123456789012345678901234567890");
  EXPECT_EQ(str("true"), "True");
  EXPECT_EQ(str("null"), "None");
  EXPECT_EQ(str(R"(["a", 1, {"k": "it's", "k": 2.50}])"), "['a', 1, {'k': 2.5}]");
  EXPECT_EQ(str(R"(["it's", "a\"b'", "\n\u00e9\u200b"])"), R"(["it's", 'a"b\'', '\né\u200b'])");
}

TEST(PythonJson, RefusesWhatPythonRefuses) {
  for (const char* bad : {"", "01", "1.", "[1,]", "{'a':1}", "\"\t\"", "[1", "1 2", "tru", "\"\\x\"",
                          "\xEF\xBB\xBF"
                          "1"}) {
    EXPECT_THROW(plugins::parse_json(bad), plugins::JsonError) << bad;
  }
  const std::string whole = R"({"data": [["a", 1.5, {"b": "\ud83d\ude00\u00e9"}], [null, true]], "x": -3e2})";
  EXPECT_NO_THROW(plugins::parse_json(whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::string part = whole.substr(0, size);
    EXPECT_THROW(plugins::parse_json(part), plugins::JsonError) << part;
  }
  for (const char* bad :
       {R"("\u12")", R"("\ud800\uZZZZ")", R"({"a"})", R"({"a" 1})", R"({"a":1,})", R"({"data":[[1}})"}) {
    EXPECT_THROW(plugins::parse_json(bad), plugins::JsonError) << bad;
  }
  try {
    plugins::parse_json("[1 2]");
    ADD_FAILURE() << "no JsonError";
  } catch (const plugins::JsonError& error) {
    EXPECT_STREQ(error.what(), "not JSON: ',' or ']' is missing at byte 3");
  }
  EXPECT_THROW(plugins::parse_json(std::string(100'000, '[')), plugins::JsonLimit);
  EXPECT_THROW(plugins::parse_json(std::string(5000, '7')), plugins::JsonLimit);
  EXPECT_NO_THROW(plugins::parse_json(std::string(4300, '7')));
}

// ------------------------------------------------------------------------------------------------- lists of items

TEST(F1, SetsOfLines) {
  EXPECT_DOUBLE_EQ(lines(kF1, {"a", "b", "c"}, "[Answer]\nA\nb  \nx"), 2.0 / 3);
  EXPECT_DOUBLE_EQ(lines(kF1, {"a", "a"}, "[Answer]\na"), 1);
  EXPECT_EQ(lines(kF1, {"a"}, "[Answer]\nb"), 0);
  EXPECT_EQ(lines(kF1, {}, "[Answer]\nb"), 0);
}

TEST(F1, ABlankLineIsAnItemAsPublished) {
  EXPECT_DOUBLE_EQ(lines(kF1, {"a", "b"}, "[Answer]\na\n\nb"), 0.8);
  EXPECT_DOUBLE_EQ(lines(kF1, {"a", "b"}, "[Answer]\na\n\nb", "strict"), 1);
}

TEST(F1, AMarkerInTheThoughtCountsAsPublished) {
  Question q{"longbench_pro", kF1, items({"a"}), "[Answer]\na</think>b"};
  EXPECT_EQ(score(q), 0);  // the line is "a</think>b"
  q.response = "x [Answer] y</think>\na";
  EXPECT_DOUBLE_EQ(score(q), 2.0 / 3);  // "y</think>" and "a"
  EXPECT_DOUBLE_EQ(score(q, "strict"), 1);
}

TEST(SubEm, ShareOfGoldLines) {
  EXPECT_DOUBLE_EQ(lines(kSubEm, {"a", "b", "b", "c"}, "[Answer]\nb\nx\ny\na"), 0.75);
  EXPECT_DOUBLE_EQ(lines(kSubEm, {"a"}, "[Answer]\nab"), 0);  // whole lines
  EXPECT_DOUBLE_EQ(lines(kSubEm, {"a"}, "[答案]A"), 1);
}

TEST(Accuracy, FirstLine) {
  EXPECT_EQ(lines(kAccuracy, {"Blue  Whale", "x"}, "[Answer]\n\n blue whale\nno"), 1);
  EXPECT_EQ(lines(kAccuracy, {"blue"}, "[Answer]\nred\nblue"), 0);
}

TEST(Accuracy, ChoiceLetter) {
  auto choose = [](const std::string& gold, const std::string& answer) {
    return score({"selection", "selection", label(gold), "</think>" + answer});
  };
  EXPECT_EQ(choose("B", "**The correct answer is (B)**"), 1);
  EXPECT_EQ(choose("A", "The correct answer is Apple"), 1);
  EXPECT_EQ(choose("C", "The correct answer is B. The correct answer is (C)"), 1);  // parentheses win
  EXPECT_EQ(choose("B", "Answer: B"), 0);
  EXPECT_EQ(choose("(B)", "The correct answer is (B)"), 0);
  EXPECT_EQ(choose("The correct answer is (D)", "The correct answer is D"), 1);
  EXPECT_EQ(choose("E", "The correct answer is (E)"), 0);
}

// The source alone decides that a letter is asked for, and a subtask without items scores 0 whatever its label.
TEST(Accuracy, TheSourceTellsLettersFromItems) {
  boost::json::value letter = {{"doc_ids", {"x"}}, {"golden_label", "A"}, {"summary", ""}};
  EXPECT_EQ(score({"selection", "Accuracy", letter, "</think>The correct answer is (A)"}), 1);
  EXPECT_EQ(score({"longbench_pro", "T3.1 Multi-Doc Integration QA", label("A"), "</think>The correct answer is (A)"}),
            0);
}

TEST(Em, SurroundingWhitespaceOnly) {
  auto em = [](const std::string& gold, const std::string& answer) {
    return score({"EM", "EM", label(gold), "yes</think>" + answer});
  };
  EXPECT_EQ(em(" Yes ", "\xE3\x80\x80Yes\n"), 1);
  EXPECT_EQ(em("Yes", "yes"), 0);
  EXPECT_EQ(em("", ""), 1);
  EXPECT_EQ(score({"EM", "EM", "yes", "</think>yes"}), 1);  // gold as a bare text
}

TEST(Ndcg, GradedRanking) {
  // relevances 3, 2, 1; the answer ranks b, x, a
  double dcg = 2 + 3 / std::log2(4), ideal = 3 + 2 / std::log2(3) + 1 / std::log2(4);
  EXPECT_NEAR(lines(kNdcg, {"a", "b", "c"}, "[Answer]\nb\nx\na\nc"), dcg / ideal, 1e-12);
  EXPECT_DOUBLE_EQ(lines(kNdcg, {"a", "b", "c"}, "[Answer]\na\nb\nc"), 1);
  EXPECT_EQ(lines(kNdcg, {"a"}, "[Answer]\nb"), 0);
}

TEST(Ndcg, OfDuplicatesTheLastCounts) {
  // gold a, b, a: b has 2, a has 1, k is 3; the answer a, b, a ranks b before a
  EXPECT_DOUBLE_EQ(lines(kNdcg, {"a", "b", "a"}, "[Answer]\na\nb\na"), 1);
}

TEST(Pairwise, PublishedAndStrictDenominators) {
  EXPECT_DOUBLE_EQ(lines(kPairwise, {"a", "b", "c", "d"}, "[Answer]\na\nb"), 1);
  EXPECT_DOUBLE_EQ(lines(kPairwise, {"a", "b", "c", "d"}, "[Answer]\na\nb", "strict"), 1.0 / 6);
  EXPECT_DOUBLE_EQ(lines(kPairwise, {"a", "b", "c"}, "[Answer]\na\nc\nb"), 2.0 / 3);
  EXPECT_DOUBLE_EQ(lines(kPairwise, {"a", "b", "c"}, "[Answer]\nb\na\n\nc"), 2.0 / 6);
  EXPECT_DOUBLE_EQ(lines(kPairwise, {"a", "b", "c"}, "[Answer]\nb\na\n\nc", "strict"), 2.0 / 3);
  EXPECT_EQ(lines(kPairwise, {"a", "a", "b", "b"}, "[Answer]\na\nb"), 0);  // 4 pairs of 1: beyond 1 is 0
  EXPECT_EQ(lines(kPairwise, {"a", "b"}, "[Answer]\na"), 0);
}

// ----------------------------------------------------------------------------------------------------------- tables

double table(const std::string& gold, const std::string& response, const std::string& rules = "released") {
  return score({"multitableqa_pretraining", "multitableqa_pretraining", label(gold), response}, rules);
}

TEST(Iou, MultisetsOfRows) {
  const std::string gold = R"({"data": [["a", 1], ["b", 2.0], ["b", 2.0]]})";
  EXPECT_DOUBLE_EQ(table(gold, R"(</think><answer>{"data": [["b", "2.0"], ["a", "1"]]}</answer>)"), 2.0 / 3);
  EXPECT_DOUBLE_EQ(table(gold, R"(</think><answer>{"data": [["a", 1.0]]}</answer>)"), 0);
  EXPECT_DOUBLE_EQ(table(gold, R"(</think><answer>[1]</answer>)"), 0);
  EXPECT_DOUBLE_EQ(table(R"({"data": [[1, 2]]})", R"x(</think><answer>{"data": ["(1, 2)", "['1', '2']"]})x"), 0);
  EXPECT_DOUBLE_EQ(table(R"({"data": "ab"})", R"(</think><answer>{"data": ["b", "a"]})"), 1);
}

TEST(Iou, TheLastMemberOfANameCounts) {
  const std::string gold = R"({"data": [["a"]], "data": [["b"], "c"]})";
  auto answer = [&](const std::string& json) { return table(gold, "</think><answer>" + json); };
  EXPECT_EQ(answer(R"({"data": [["b"], "c"]})"), 1);
  EXPECT_EQ(answer(R"({"data": [["x"]], "data": [["b"]]})"), 0.5);
  EXPECT_EQ(answer(R"({"data": 1, "data": [["b"]]})"), 0.5);
  EXPECT_EQ(answer(R"({"data": [["b"]], "data": 1})"), 0);
  EXPECT_EQ(answer(R"({"data": [["c"], "b"]})"), 0) << "a list of one cell is no single value";
  EXPECT_EQ(answer(R"({"data": [["b"], "c"]} and more)"), 0);
}

TEST(Iou, OnlyTheAnswerCountsInStrict) {
  const std::string gold = R"({"data": [["a"]]})";
  const std::string response = R"(I write <answer> now</think><answer>{"data": [["a"]]}</answer>)";
  EXPECT_EQ(table(gold, response), 0);
  EXPECT_EQ(table(gold, response, "strict"), 1);
}

TEST(Iou, WherePythonRaisesThereIsNoScore) {
  const std::string gold = R"({"data": [["a"]]})";
  EXPECT_EQ(result({"multitableqa_pretraining", "x", label(R"({"data": null})"), "</think>"}).outcome,
            Outcome::unscorable);
  Question q{"multitableqa_pretraining", "x", label(gold), "</think><answer>" + std::string(100'000, '[')};
  EXPECT_EQ(result(q).outcome, Outcome::error);
  EXPECT_THAT(result(q).detail, HasSubstr("nested deeper"));
  q.response = "</think><answer>{\"data\": [" + std::string(5000, '1') + "]}";
  EXPECT_EQ(result(q).outcome, Outcome::error);
  EXPECT_EQ(table("no json", "</think>{}"), 0);
}

// --------------------------------------------------------------------------------------------------------- summaries

double summary(std::vector<std::string> gold, const std::string& response, const std::string& language = "English",
               const std::string& rules = "released") {
  return score({"longbench_pro", kSummary, items(std::move(gold), language), response}, rules);
}

// The published F of precision and recall.
double f_of(double p, double r) { return 2 * p * r / (p + r + 1e-8); }

TEST(RougeL, SetsOfWords) {
  // hypothesis words: {</think>the, cat, sat}; reference {the, cat, sat}: common cat, sat
  EXPECT_NEAR(summary({"The cat sat."}, "</think>the cat sat"), f_of(2.0 / 3, 2.0 / 3), 1e-12);
  EXPECT_NEAR(summary({"The cat sat."}, "</think> [Answer] the cat sat", "English", "strict"), f_of(1, 1), 1e-12);
  EXPECT_EQ(summary({"a b", ""}, "</think> a b"), 0);  // one reference without a sentence takes the others with it
  EXPECT_EQ(summary({"a"}, "</think>", "English", "strict"), 0);
}

TEST(RougeL, TiesDropTheWordOfTheHypothesis) {
  // c a b against b a: from the ends (b, a) the tie goes left, to b. The second sentence can only give a: had the first
  // given a, the union would hold one word.
  EXPECT_NEAR(summary({"a b"}, "</think> b a. x a"), f_of(2.0 / 4, 2.0 / 2), 1e-12);
}

TEST(RougeL, TheUnionOverSentences) {
  // w1..w5 against "w1 w2 w6" and "w1 w3 w5": the union has w1 w2 w3 w5
  EXPECT_NEAR(summary({"w1 w2 w3 w4 w5"}, "</think>. w1 w2 w6. w1 w3 w5"), f_of(4.0 / 6, 4.0 / 5), 1e-12);
  EXPECT_NEAR(summary({"w1 w2 w3 w4 w5"}, "</think> [Answer] w1 w2 w6. w1 w3 w5", "English", "strict"),
              f_of(4.0 / 5, 4.0 / 5), 1e-12);
}

TEST(RougeL, TheRecursionLimitIsReleasedOnly) {
  std::string long_text;
  for (int i = 0; i < 986; ++i) long_text += "w" + std::to_string(i) + " ";
  // 986 matches, the step over "</think>" and the call at the edge: 988 calls are the most
  EXPECT_GT(summary({long_text}, "</think> " + long_text), 0.99);
  EXPECT_EQ(summary({long_text + "w986 w987"}, "</think> " + long_text + "w986 w987"), 0);
  EXPECT_GT(summary({long_text + "w986 w987"}, "</think>" + long_text + "w986 w987", "English", "strict"), 0.99);
}

TEST(RougeL, ChineseByWords) {
  // jieba cuts 我来到北京清华大学 into 我 来到 北京 清华大学
  EXPECT_NEAR(summary({"我来到北京清华大学"}, "</think>我来到北京清华大学", "Chinese", "strict"), 1, 1e-8);
  EXPECT_NEAR(summary({"我来到北京清华大学"}, "</think>北京清华大学", "Chinese", "strict"), f_of(1, 0.5), 1e-12);
}

TEST(RougeL, LongTextsAreQuick) {
  std::string a, b;
  for (int i = 0; i < 16'000; ++i) {
    a += "w" + std::to_string(i * 7919 % 5003) + " ";
    b += "w" + std::to_string(i * 104729 % 5003) + " ";
  }
  double s = summary({a}, "</think>" + b, "English", "strict");
  EXPECT_GT(s, 0);
  EXPECT_LT(s, 1);
}

TEST(Rewards, StrangeTextsComeBack) {
  std::vector<std::string> strange = {std::string(1'000'000, 'a'), std::string(100'000, '\n'), std::string("a\0b\0", 4),
                                      std::string(100'000, '{'),   std::string("\xff\xfe", 2), "[Answer]"};
  for (const std::string& text : strange) {
    std::string response = "</think>" + text;
    for (const std::string& mode : {kF1, kSubEm, kNdcg, kPairwise, kAccuracy, kSummary}) {
      for (const char* rules : {"released", "strict"}) {
        Question q{"longbench_pro", mode, items({"a", "b"}), response};
        double s = score(q, rules);
        EXPECT_GE(s, 0) << mode;
        EXPECT_LE(s, 1) << mode;
      }
    }
    EXPECT_NE(result({"math_longcot_math_verify", "math_verify", label("1"), response}).outcome, Outcome::timeout);
  }
}

}  // namespace
}  // namespace golong::rewards_test
