// Answers that mean the same and answers that do not; released scores were made with Math-Verify 0.8.0.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/plugins/rewards_support.h"

namespace golong::rewards_test {
namespace {

using testing::HasSubstr;

double math(const std::string& gold, const std::string& answer, const std::string& rules = "released") {
  return score({"math_longcot_math_verify", "math_verify", label(gold), "</think>" + answer}, rules);
}

struct Case {
  const char* gold;
  const char* answer;
  double score;
};

TEST(MathVerify, Released) {
  const Case cases[] = {
      // numbers, floats against integers (C.10 #1)
      {"1/3", R"(\boxed{0.333333})", 1},
      {"1/3", R"(\boxed{0.33333})", 0},
      {"100", R"(\boxed{100.0})", 1},
      {"100", R"(\boxed{99.9999999})", 0},
      {"5/2", R"(\boxed{2.5000001})", 1},
      {"2.0", R"(\boxed{2.0000001})", 1},
      {"50%", R"(\boxed{0.5})", 1},
      {"50%", R"(\boxed{\frac{1}{2}})", 1},
      {"1,234", R"(\boxed{1234})", 1},
      {"1234", "So the total is 1 234.", 1},
      {"3/4", R"(\boxed{\frac{6}{8}})", 1},
      {"2.5", R"($2\frac{1}{2}$)", 1},
      {"-7", R"(\boxed{- 7})", 1},
      {"12", R"(\boxed{21})", 0},
      {"8", R"(\boxed{2^3})", 1},
      {"0.5", "Answer: 1/2", 1},
      {"10", R"(\boxed{\$10})", 1},
      // symbols, radicals, functions
      {R"(6\sqrt{2})", R"(\boxed{\sqrt{72}})", 1},
      {R"(x^2-1)", R"(\boxed{(x-1)(x+1)})", 1},
      {R"(x^2-1)", R"(\boxed{(x-1)(x+2)})", 0},
      {R"(\log_2 8)", R"(\boxed{3})", 1},
      {R"(\pi)", R"(\boxed{3.14})", 0},
      {"120", R"(\boxed{5!})", 1},
      {R"(\sin(x)^2+\cos(x)^2)", R"(\boxed{1})", 1},
      // sets, tuples, intervals (C.10 #8)
      {"1,2", R"(\boxed{(2,1)})", 1},
      {"(2,1)", R"(\boxed{2,1})", 1},
      {"(2,1)", R"(\boxed{1,2})", 0},
      {R"(4 < x < 17)", R"(\boxed{4,17})", 1},  // as the open interval (4,17), which is also a pair
      {R"(4 < x < 17)", R"(\boxed{17,4})", 0},
      {"10,6,10", R"(\boxed{x=10,6,10})", 1},
      {R"(x\le 3)", R"(\boxed{(-\infty,3]})", 1},
      {R"((-\infty,3])", R"(\boxed{x\le 3})", 0},
      {R"(\{1,2\})", R"(\boxed{2,1})", 1},
      {"[1,2)", R"(\boxed{[1,2]})", 0},
      {R"(\pm 2)", R"(\boxed{-2, 2})", 1},
      {R"(\frac{-13}{4})", R"(\boxed{-13/4, -3.25})", 1},
      {"2", R"(\boxed{2, 2.5})", 0},
      {R"(x\le 24)", R"(\boxed{2x\le 48})", 0},
      {R"(\begin{pmatrix}0&-1\\2&3\end{pmatrix})", R"(\boxed{2\begin{pmatrix}0&-1/2\\1&3/2\end{pmatrix}})", 1},
      {R"((1,2)\cup(2,3))", R"(\boxed{(1,3)})", 0},
      // assignments
      {"5", R"(\boxed{x = 5})", 1},
      {"x=5", R"(\boxed{5})", 1},
      {"x=5", R"(\boxed{y=5})", 0},
      {"5", R"($\boxed{x = 5}$\%)", 1},  // an equation is no percentage: the box alone is read
      {"x<3", R"($\boxed{x < 3}$\%)", 1},
      // words
      {"decrease", R"(\boxed{\text{decrease}})", 1},
      {"decrease", R"(\boxed{increase})", 0},
      // what the published code cannot read (C.10 #2 to #7)
      {"3元", R"(\boxed{3元})", 0},
      {"42", "42 then ４２ ", 0},
      {"1000000", R"(\boxed{1e6})", 0},
      {"1000", R"(\boxed{1\,000})", 0},
      {"10%", R"(\boxed{10}\%)", 0},
      {"12", R"(\boxed{12)", 0},
      {"7", R"(\boxed{5} for the score and \boxed{7})", 0},
      {"1/3", R"(\boxed{0.\overline{3}})", 0},
  };
  for (const Case& c : cases) EXPECT_EQ(math(c.gold, c.answer), c.score) << c.gold << " against " << c.answer;
}

TEST(MathVerify, StrictReadsMore) {
  const Case cases[] = {
      {"3元", R"(\boxed{3元})", 1},
      {"3元", R"(\boxed{3})", 1},
      {"3.2亿元", R"(\boxed{320000000})", 1},
      {"2019年", R"(\boxed{2019})", 1},
      {"€45.3", R"(\boxed{45.3})", 1},
      {"5–7", R"(\boxed{5–7})", 1},
      {"42", R"(\boxed{４２})", 1},
      {"7", R"(\boxed{5} for the score and \boxed{7})", 1},
      {"1000000", R"(\boxed{1e6})", 1},
      {"1000", R"(\boxed{1\,000})", 1},
      {"1000", R"(\boxed{1\!\,000})", 1},
      {"1/3", R"(\boxed{0.\overline{3}})", 1},
      {"10%", R"(\boxed{10}\%)", 1},
      {"10%", R"(\boxed{10\text{ percent}})", 1},
      {"12", R"(\boxed{12)", 1},
      {"12", "\\boxed\n{12}", 1},
      {"12", R"(\fbox{12})", 1},
      {R"((-\infty,3])", R"(\boxed{x\le 3})", 1},
      {"12", R"(\boxed{12\text{ percent}})", 1},
      {"508", R"(\boxed{17} then The final answer is: $508$.)", 1},
      {"3元", R"(\boxed{4元})", 0},
      {"10%", R"(\boxed{11}\%)", 0},
      {"1000", R"(\boxed{1\,001})", 0},
      {"1/3", R"(\boxed{0.\overline{4}})", 0},
  };
  for (const Case& c : cases) EXPECT_EQ(math(c.gold, c.answer, "strict"), c.score) << c.gold << " against " << c.answer;
}

// A float is read with 15 digits before it is rounded to six decimals, half to even.
TEST(MathVerify, TiesOfFloatsAreTiesOfTheirDigits) {
  EXPECT_EQ(math("412.2589251", R"(\boxed{412.25892550})"), 0);  // 412.258926, though the double is below the tie
  EXPECT_EQ(math("412.2589261", R"(\boxed{412.25892550})"), 1);
  EXPECT_EQ(math("0.1234561", R"(\boxed{0.1234565})"), 1);
}

TEST(MathVerify, TheLast500CharactersAreReleasedOnly) {
  std::string late = R"(\boxed{12} )" + std::string(600, 'z');
  EXPECT_EQ(math("12", late), 0);
  EXPECT_EQ(math("12", late, "strict"), 1);
}

TEST(MathVerify, TheThoughtCountsInReleasedOnly) {
  Question q{"math_longcot_math_verify", "math_verify", label("12"), R"(\boxed{12}</think>no idea)"};
  EXPECT_EQ(score(q), 1);
  EXPECT_EQ(score(q, "strict"), 0);
}

TEST(MathVerify, RetrievalNeedsDocumentsAndAnswer) {
  boost::json::value gold = {{"doc_ids", {"<|doc_1|>", "<|doc_22|>"}}, {"golden_label", "5"}, {"summary", ""}};
  auto ask = [&](const std::string& ids, const std::string& rest, const std::string& mode = "retrieval_calculate") {
    return score(
        {"retrieval_calculate", mode, gold, "</think><relevant_doc_ids>" + ids + "</relevant_doc_ids>" + rest});
  };
  const std::string right = R"(<continue_reasoning>so \boxed{5}</continue_reasoning>)";
  EXPECT_EQ(ask("<|doc_22|><|doc_1|>", right), 1);
  EXPECT_EQ(ask("<|doc_22|>", right), 0);
  EXPECT_EQ(ask("<|doc_22|>", right, "math_verify"), 0);      // the source decides, whatever the reward_mode
  EXPECT_EQ(ask("<|doc_22|><|doc_1|><|doc_３|>", right), 0);  // any digit names a document
  EXPECT_EQ(ask("<|doc_22|><|doc_1|>", R"(so \boxed{5})"), 0);
  EXPECT_EQ(ask("<|doc_22|><|doc_1|>", R"(<continue_reasoning>so \boxed{6}</continue_reasoning>)"), 0);
  const std::string spaces(600, ' ');  // are stripped before the last 500 characters are looked at
  EXPECT_EQ(ask("<|doc_22|><|doc_1|>", "<continue_reasoning>\\boxed{5}" + spaces + "</continue_reasoning>"), 1);
  gold = {{"doc_ids", boost::json::array()}, {"golden_label", "5"}, {"summary", ""}};
  EXPECT_EQ(ask("", right), 0);  // no document is never the right one
  gold = "5";
  EXPECT_EQ(ask("<|doc_1|>", right), -1);
}

// What the published code can say of rows for a judge model without one.
class ModelJudge : public testing::Test {
 protected:
  static ScoredResponse judge(const std::string& mode, const boost::json::value& gold, const std::string& answer,
                              const std::string& rules = "released") {
    Question q{"retrieval_model_judge", mode, gold, "so</think>" + answer};
    q.reference = "the 42nd";
    return result(q, rules);
  }
  static double value(const boost::json::value& gold, const std::string& answer,
                      const std::string& rules = "released") {
    return judge("math_verify", gold, answer, rules).score;
  }
};

TEST_F(ModelJudge, TheReferenceWordForWordIsRight) {
  for (const char* mode : {"model_judge", "model_judge_with_question", "model_compare", "math_verify"}) {
    EXPECT_EQ(judge(mode, "x", "the 42nd").score, 1) << mode;
  }
  const ScoredResponse other = judge("model_judge", "x", "The 42nd");
  EXPECT_EQ(other.outcome, Outcome::unscorable);
  EXPECT_THAT(other.detail, HasSubstr("only a judge model could tell"));
  EXPECT_EQ(judge("model_judge", "x", "\nthe 42nd").outcome, Outcome::unscorable);
  EXPECT_EQ(judge("model_judge", "x", "\nthe 42nd", "strict").score, 1);
}

TEST_F(ModelJudge, NumbersHaveAValue) {
  EXPECT_EQ(value("42", R"(\boxed{42.0})"), 1);
  EXPECT_EQ(value("42", R"(\boxed{41})"), 0);
  EXPECT_EQ(value({"1", 42}, R"(\boxed{42.0})"), 1);  // any of a list
  EXPECT_EQ(value(label("42"), R"(\boxed{42})"), 0);  // of a struct the published code takes the names of its members
  EXPECT_EQ(value(label("42"), R"(\boxed{42})", "strict"), 1);
  EXPECT_EQ(judge("math_verify", nullptr, "1").outcome, Outcome::unscorable);
}

TEST_F(ModelJudge, WhereThePublishedCodeRaisesThereIsNoScore) {
  EXPECT_THAT(judge("NDCG", "x", "the 42nd").detail,
              HasSubstr("needs the extra_info.reward_mode math_verify, model_judge"));
  Question q{"model_verify", "model_judge", label("42"), "</think>42"};
  EXPECT_EQ(result(q).outcome, Outcome::unscorable);
  EXPECT_THAT(result(q).detail, HasSubstr("no extra_info.ground_truth"));
  EXPECT_EQ(score(q, "strict"), 1);  // the label serves
  q.response = "no thought ends";
  EXPECT_EQ(score(q), 0);  // the gate comes first
}

TEST(MathVerify, MonstersAreBounded) {
  std::string tower, fractions;
  for (int i = 0; i < 40; ++i) {
    tower += "10^{";
    fractions += "\\frac{1}{";
  }
  tower += "2" + std::string(40, '}');
  fractions += "2" + std::string(40, '}');
  const std::string monsters[] = {"10^{10^{10}}",
                                  "9999999!",
                                  "((9!)!)!",
                                  tower,
                                  fractions,
                                  std::string(400, '('),
                                  std::string(400, '-') + "1",
                                  "\\sum_{i=1}^{999999999} i",
                                  "\\int_0^1 \\int_0^1 \\int_0^1 xyz dx dy dz",
                                  std::string(120, '$'),
                                  "f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(f(x",
                                  "0.1^{-99999999999}",
                                  "1E999999999",
                                  "\\boxed{" + std::string(300, '{') + "}"};
  for (const std::string& monster : monsters) {
    for (const char* rules : {"released", "strict"}) {
      EXPECT_EQ(math("3", "\\boxed{" + monster + "}", rules), 0) << monster;
      EXPECT_EQ(math(monster, "\\boxed{3}", rules), 0) << monster;
      EXPECT_EQ(math("3", "$" + monster + "$ answer: " + monster, rules), 0) << monster;
    }
  }
}

}  // namespace
}  // namespace golong::rewards_test
