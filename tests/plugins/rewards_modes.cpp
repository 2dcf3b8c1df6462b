// Each difference between the modes that docs/reference/rewards.md lists, with the score of both.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/plugins/rewards_support.h"

namespace golong::rewards_test {
namespace {

struct Difference {
  std::string name;
  Question question;
  double released, strict;
};

Question lines(const std::string& mode, std::vector<std::string> gold, const std::string& response) {
  return {"longbench_pro", mode, items(std::move(gold)), response};
}
Question number(const std::string& gold, const std::string& answer) {
  return {"math_longcot_math_verify", "math_verify", label(gold), "so</think>" + answer};
}

double f_of(double p, double r) { return 2 * p * r / (p + r + 1e-8); }

const std::string kF1 = "T9.2 Localized Interface Change Detection",
                  kSubEm = "T10.1 Large-Scale In-Context Rule Induction", kNdcg = "T1.2 Key-Snippet Retrieval",
                  kPairwise = "T2.1 Global Timeline Reconstruction", kAccuracy = "T3.2 Single-Hop Fact QA",
                  kSummary = "T4.2 Query-Focused Summary";

void check(const std::vector<Difference>& differences) {
  for (const Difference& d : differences) {
    EXPECT_NEAR(score(d.question, "released"), d.released, 1e-6) << d.name << ", released";
    EXPECT_NEAR(score(d.question, "strict"), d.strict, 1e-6) << d.name << ", strict";
  }
}

TEST(Modes, ListsOfItems) {
  const std::string marked = "so [Answer]\na\nb\nor</think>c";
  check({
      {"pairs of predictions", lines(kPairwise, {"a", "b", "c", "d"}, "</think>[Answer]\na\nb"), 1, 1.0 / 6},
      {"blank line, f1", lines(kF1, {"a", "b"}, "</think>[Answer]a\n\nb"), 0.8, 1},
      {"blank line, pairwise", lines(kPairwise, {"a", "b"}, "</think>[Answer]a\n\nb"), 1.0 / 3, 1},
      {"blank line, ndcg", lines(kNdcg, {"a", "b"}, "</think>[Answer]a\n\nb"), 2 / (2 + 1 / std::log2(3)), 1},
      {"marker in the thought, f1", lines(kF1, {"a", "b"}, marked), 0.8, 0},
      {"marker in the thought, sub_em", lines(kSubEm, {"a", "b"}, marked), 1, 0},
      {"marker in the thought, ndcg", lines(kNdcg, {"a", "b"}, marked), 1, 0},
      {"marker in the thought, pairwise", lines(kPairwise, {"a", "b"}, marked), 1.0 / 3, 0},
      {"marker in the thought, accuracy", lines(kAccuracy, {"a", "b"}, marked), 1, 0},
      {"no marker", lines(kF1, {"a", "b"}, "so</think>a\nb"), 0.5, 1},
  });
}

TEST(Modes, SummariesAndTables) {
  std::string long_text;
  for (int i = 0; i < 1000; ++i) long_text += "w" + std::to_string(i) + " ";
  const std::string table = R"({"data": [["a"]]})";
  check({
      {"the thought", lines(kSummary, {"The cat sat."}, "the dog ran</think>[Answer] the cat sat"), f_of(3.0 / 5, 1),
       f_of(1, 1)},
      {"recursion", lines(kSummary, {long_text}, "</think>[Answer] " + long_text), 0, f_of(1, 1)},
      {"tag in the thought",
       {"multitableqa_pretraining", "iou", label(table), "I write <answer> now</think><answer>" + table + "</answer>"},
       0,
       1},
  });
}

TEST(Modes, Numbers) {
  check({
      {"early box", number("12", R"(\boxed{12} )" + std::string(600, 'z')), 0, 1},
      {"yuan", number("3元", R"(\boxed{3元})"), 0, 1},
      {"yuan, bare answer", number("3元", R"(\boxed{3})"), 0, 1},
      {"hundred millions", number("3.2亿元", R"(\boxed{3.2亿元})"), 0, 1},
      {"year", number("2019年", R"(\boxed{2019年})"), 0, 1},
      {"euro", number("€45.3", R"(\boxed{€45.3})"), 0, 1},
      {"range", number("5–7", R"(\boxed{5–7})"), 0, 1},
      {"full width", number("42", " 42 then ４２ "), 0, 1},
      {"joined boxes", number("7", R"(\boxed{5} for the score and \boxed{7})"), 0, 1},
      {"exponent", number("1000000", R"(\boxed{1e6})"), 0, 1},
      {"thin space", number("1000", R"(\boxed{1\,000})"), 0, 1},
      {"negative space", number("1000", R"(\boxed{1\!\,000})"), 0, 1},
      {"space", number("1000", R"(\boxed{1 000})"), 0, 1},
      {"repeating", number("1/3", R"(\boxed{0.\overline{3}})"), 0, 1},
      {"superscript", number("25", R"(\boxed{5²})"), 0, 1},
      {"percent outside", number("10%", R"(\boxed{10}\%)"), 0, 1},
      {"percent in words", number("10%", R"(\boxed{10\text{ percent}})"), 0, 1},
      {"box on two lines", number("12", "\\boxed\n{12}"), 0, 1},
      {"fbox", number("12", R"(\fbox{12})"), 0, 1},
      {"unclosed box", number("12", R"(\boxed{12)"), 0, 1},
      {"interval and inequality", number(R"((-\infty,3])", R"(\boxed{x\le 3})"), 0, 1},
  });
  // As good in both modes.
  check({
      {"percent outside", number("10", R"(\boxed{10}\%)"), 1, 1},
      {"inequality and interval", number(R"(x\le 3)", R"(\boxed{(-\infty,3]})"), 1, 1},
  });
}

TEST(Modes, RowsForAJudge) {
  const Question struct_gold{"model_verify", "math_verify", label("42"), R"(so</think>\boxed{42})", "forty-two"};
  const Question spaces{"model_judge", "model_judge", label("42"), "so</think>\n42\n", "42"};
  const Question no_reference{"model_judge", "model_judge", label("42"), "so</think>42"};
  check({{"struct", struct_gold, 0, 1}, {"spaces", spaces, -1, 1}, {"no reference", no_reference, -1, 1}});
}

}  // namespace
}  // namespace golong::rewards_test
