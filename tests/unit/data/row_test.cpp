#include "core/data/row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/base/error.h"
#include "tests/unit/error_message.h"

namespace golong {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Row parse(const std::string& json) { return parse_row(json, "rows.jsonl:17"); }

std::string error_of(const std::string& json) {
  return error_message([&] { parse(json); });
}

Gold gold(const std::string& ground_truth) {
  return parse(R"({"data_source":"EM","reward_model":{"ground_truth":)" + ground_truth + "}}").gold;
}

TEST(Row, AllColumns) {
  const Row row = parse(R"({"id": "r1", "data_source": "longbench_pro", "ability": "Sequence Reconstruction",
    "prompt": [{"role": "system", "content": "S"}, {"role": "user", "content": "line\nÄ \ud83d\ude00"}],
    "reward_model": {"style": "rule", "ground_truth": {"doc_ids": ["a", "b"], "golden_label": "", "summary": "Chinese"}},
    "extra_info": {"reward_mode": "T2.1 Global Timeline Reconstruction", "question": "Q?", "n": [1.50, 2]}})");
  EXPECT_EQ(row.id, "r1");
  EXPECT_EQ(row.data_source, "longbench_pro");
  EXPECT_EQ(row.ability, "Sequence Reconstruction");
  ASSERT_EQ(row.prompt.size(), 2u);
  EXPECT_EQ(row.prompt[0].role, "system");
  EXPECT_EQ(row.prompt[1].content, "line\nÄ \xf0\x9f\x98\x80");
  EXPECT_EQ(row.reward_mode, "T2.1 Global Timeline Reconstruction");
  EXPECT_EQ(row.question, "Q?");
  EXPECT_EQ(row.extra_info,
            R"({"reward_mode": "T2.1 Global Timeline Reconstruction", "question": "Q?", "n": [1.50, 2]})");
  EXPECT_THAT(row.gold.items, ElementsAre("a", "b"));
  EXPECT_TRUE(row.gold.has_items && row.gold.has_label && row.gold.has_language);
  EXPECT_EQ(row.gold.label, "");
  EXPECT_EQ(row.gold.language, "Chinese");
  EXPECT_EQ(row.gold.variant, "T2.1 Global Timeline Reconstruction");
  EXPECT_EQ(row.gold.json, R"({"doc_ids": ["a", "b"], "golden_label": "", "summary": "Chinese"})");
  EXPECT_TRUE(row.responses.empty());
}

TEST(Row, EveryFormOfGroundTruth) {
  EXPECT_EQ(gold(R"("42")").label, "42");
  EXPECT_FALSE(gold(R"("42")").has_items);

  const Gold last = gold(R"([null, {"doc_ids": ["x"]}, {"doc_ids": ["y"], "golden_label": "L"}])");
  EXPECT_THAT(last.items, ElementsAre("y"));
  EXPECT_EQ(last.label, "L");
  EXPECT_EQ(last.json, R"([null, {"doc_ids": ["x"]}, {"doc_ids": ["y"], "golden_label": "L"}])");
  EXPECT_EQ(gold(R"(["81.94"])").label, "81.94");

  const Gold empty = gold("[]");
  EXPECT_FALSE(empty.has_items || empty.has_label || empty.has_language);
  EXPECT_EQ(empty.json, "[]");
  EXPECT_FALSE(gold("null").has_label);
  EXPECT_EQ(gold(R"({"doc_ids": null, "golden_label": null, "summary": null})").has_items, false);

  const Gold none = gold(R"({"doc_ids": []})");
  EXPECT_TRUE(none.has_items);
  EXPECT_FALSE(none.has_label);

  const Gold table = gold(R"({"data": [[388.9473, 1.0, 12345678901234567890123, NaN, "a"]]})");
  EXPECT_FALSE(table.has_label || table.has_items);
  EXPECT_EQ(table.json, R"({"data": [[388.9473, 1.0, 12345678901234567890123, NaN, "a"]]})");
}

TEST(Row, WhatStandsWhereTheAnswerIsLookedForIsNamed) {
  EXPECT_EQ(gold(R"({"golden_lable": "x", "doc_ids": []})").stray,
            R"(reward_model.ground_truth has "golden_lable"; did you mean golden_label?)");
  EXPECT_EQ(gold(R"({"data": [], "z": 1})").stray, R"(reward_model.ground_truth has "z")");
  EXPECT_EQ(gold(R"({"doc_ids": [], "golden_label": "", "summary": ""})").stray, "");
  const auto model = [](const std::string& json) {
    return parse(R"({"data_source":"EM","reward_model":)" + json + "}").gold;
  };
  EXPECT_EQ(model(R"({"ground_thruth": "x", "style": "rule"})").stray,
            R"(reward_model has "ground_thruth", "style"; did you mean ground_truth?)");
  EXPECT_EQ(model(R"({"style": "rule", "ground_truth": "x"})").stray, "");
  EXPECT_EQ(model(R"({"style": "rule", "ground_truth": null})").stray, R"(reward_model has "style")");
  EXPECT_EQ(model(R"({"ground_thruth": null})").stray, "");
}

// Labels that are no strings are what Python's str() makes of them; the values were taken from CPython.
TEST(Row, LabelsThatAreNoStrings) {
  const std::pair<const char*, const char*> cases[] = {
      {"7", "7"},
      {"-0", "0"},
      {"7.50", "7.5"},
      {"1e3", "1000.0"},
      {"1e16", "1e+16"},
      {"1e15", "1000000000000000.0"},
      {"0.0001", "0.0001"},
      {"0.00001", "1e-05"},
      {"-12.25", "-12.25"},
      {"0.1", "0.1"},
      {"true", "True"},
      {"false", "False"},
      {"-0.0", "-0.0"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"NaN", "nan"},
      {"-Infinity", "-inf"},
      {"123456.789e-2", "1234.56789"},
      {"98765432109876543210", "98765432109876543210"},
      {"[1, {\"a\": 2.0}]", "[1, {\"a\": 2.0}]"},
  };
  for (const auto& [json, text] : cases) {
    const Gold found = gold(std::string(R"({"golden_label": )") + json + "}");
    EXPECT_TRUE(found.has_label) << json;
    EXPECT_EQ(found.label, text) << json;
  }
  EXPECT_THAT(gold(R"({"doc_ids": [1, "b", 2.0, null]})").items, ElementsAre("1", "b", "2.0", "None"));
}

TEST(Row, AbsentColumns) {
  const Row row = parse("{}");
  EXPECT_EQ(row.id, "");
  EXPECT_TRUE(row.prompt.empty());
  EXPECT_EQ(row.gold.json, "");
  EXPECT_EQ(parse(R"({"data_source": "EM"})").gold.variant, "EM");
  EXPECT_EQ(parse(R"({"id": 17})").id, "17");
  EXPECT_EQ(parse(R"({"prompt": "hello"})").prompt.at(0).role, "user");
  EXPECT_EQ(parse(R"({"reward_mode": "own", "extra_info": null})").norm_mode, "own");
}

TEST(Row, Responses) {
  const Row one = parse(R"({"response": "a"})");
  EXPECT_THAT(one.responses, ElementsAre("a"));
  EXPECT_FALSE(one.response_is_list);
  const Row several = parse(R"({"response": ["a", "", "b\u0000c"]})");
  EXPECT_THAT(several.responses, ElementsAre("a", "", std::string("b\0c", 3)));
  EXPECT_TRUE(several.response_is_list);
  EXPECT_TRUE(parse(R"({"response": []})").response_is_list);
}

TEST(Row, TextThatIsNoUnicode) {
  EXPECT_EQ(parse(R"({"response": "a\ud800b"})").responses.at(0),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(parse(R"({"response": "\ud83d\u0041"})").responses.at(0),
            "\xef\xbf\xbd"
            "A");
  EXPECT_EQ(parse("{\"response\": \"a\xff\xe4\xb8 b\"}").responses.at(0), "a\xef\xbf\xbd\xef\xbf\xbd b");
}

TEST(Row, KeysThatStandTwice) { EXPECT_EQ(parse(R"({"id": "a", "id": "b"})").id, "b"); }

TEST(Row, DeepNestingCostsNoStack) {
  const std::string deep = std::string(200000, '[') + std::string(200000, ']');
  EXPECT_EQ(parse(R"({"extra_info": {"x": )" + deep + "}}").extra_info.size(), deep.size() + 7);
}

TEST(Row, WrongColumnsAreNamed) {
  EXPECT_THAT(error_of(R"({"data_source": 3})"),
              HasSubstr("rows.jsonl:17: column data_source is a number, expected a string"));
  EXPECT_THAT(error_of(R"({"prompt": [{"role": "user"}]})"), HasSubstr("prompt[0].content is nothing"));
  EXPECT_THAT(error_of(R"({"prompt": {"role": "user"}})"), HasSubstr("column prompt is an object"));
  EXPECT_THAT(error_of(R"({"prompt": ["x"]})"), HasSubstr("prompt[0] is a string"));
  EXPECT_THAT(error_of(R"({"reward_model": "x"})"),
              HasSubstr("reward_model is a string, expected an object with ground_truth"));
  EXPECT_THAT(error_of(R"({"reward_model": {"ground_truth": {"doc_ids": "x"}}})"),
              HasSubstr("reward_model.ground_truth.doc_ids is a string, expected a list"));
  EXPECT_THAT(error_of(R"({"reward_model": {"ground_truth": [["x"]]}})"),
              HasSubstr("ground_truth is a list, expected"));
  EXPECT_THAT(error_of(R"({"response": ["a", 2]})"), HasSubstr("response[1] is a number"));
  EXPECT_THAT(error_of(R"({"extra_info": {"reward_mode": []}})"), HasSubstr("extra_info.reward_mode is a list"));
  EXPECT_THAT(error_of(R"({"id": {}})"), HasSubstr("column id is an object"));
  EXPECT_THAT(error_of("[1]"), HasSubstr("the row is a list"));
}

TEST(Row, BrokenJsonIsLocated) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "column 1: expected a value, but the text ends"},
      {"{", "expected a key in double quotes, but the text ends"},
      {R"({"a" 1})", "column 6: expected ':'"},
      {R"({"a": 1,})", "column 9: expected a key"},
      {R"({"a": 1 "b": 2})", "column 9: expected ',' or '}'"},
      {R"({"a": [1, ]})", "column 11: expected a value"},
      {R"({"a": 1} x)", "column 10: expected nothing after the value"},
      {R"({"a": "\x"})", "expected an escape"},
      {R"({"a": "\u12g4"})", "four hexadecimal digits"},
      {"{\"a\": \"x\ny\"}", "no control character"},
      {R"({"a": "x)", "but the text ends"},
      {R"({"a": 01})", "expected ',' or '}'"},
      {R"({"a": 1.})", "expected a digit"},
      {R"({"a": nul})", "expected a value"},
      {R"({"a": [1})", "expected ',' or ']'"},
  };
  for (const auto& [json, message] : cases) {
    EXPECT_THAT(error_of(json), testing::AllOf(HasSubstr("rows.jsonl:17: the line is no JSON"), HasSubstr(message)))
        << json;
  }
}

}  // namespace
}  // namespace golong
