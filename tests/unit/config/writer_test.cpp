#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "core/base/file.h"
#include "core/config/config.h"
#include "core/config/reference.h"
#include "core/config/schema.h"
#include "core/config/toml_text.h"
#include "tests/unit/config/temporary_files.h"

namespace golong {
namespace {

using ::testing::HasSubstr;

class Write : public InTemporaryFolder {};

// Gives every key another value than its default.
class Change : public ConfigVisitor {
 public:
  void begin_table(const std::string&, const std::string&) override {}
  void end_table() override {}
  void key(const std::string&, ConfigValue value, const std::string&, const Limits& limits) override {
    ++count;
    if (auto boolean = std::get_if<bool*>(&value)) **boolean = !**boolean;
    if (auto integer = std::get_if<int64_t*>(&value))
      **integer += within(limits, static_cast<double>(**integer + 1)) ? 1 : -1;
    if (auto real = std::get_if<double*>(&value))
      **real = within(limits, **real * 1.01) ? **real * 1.01 : **real * 0.99;
    if (auto optional = std::get_if<std::optional<double>*>(&value)) **optional = -0.1;
    if (auto list = std::get_if<std::vector<std::string>*>(&value)) **list = {"a \"quoted\"\n\x01\x7f", "é\\"};
    if (auto map = std::get_if<std::map<std::string, double>*>(&value)) **map = {{"a b", 1}, {"c", 1e-300}};
    if (auto text = std::get_if<std::string*>(&value))
      **text = limits.choices.empty() ? "x'\ty" : limits.choices.back();
  }
  int count = 0;
};

TEST_F(Write, WhatIsWrittenReadsBackEqual) {
  Config config;
  Change change;
  describe(change, config);
  EXPECT_GT(change.count, 80);
  config.train.filter_groups = true;  // without it keep_surplus is a mistake
  config.train.generation_prompts = 200;
  config.routes["a.b"] = {"t", ""};
  config.task_settings["t"]["flag"] = {true, ""};
  config.task_rewards["t"] = "em";
  config.reward_settings["em"]["odd key"] = {int64_t{-3}, ""};
  config.isolated["em"] = true;
  config.normalizer_settings["n"] = {{"x", {2.0, ""}}, {"y", {std::string("z"), ""}}};
  const std::string text = config.to_toml();
  write("x.toml", text);
  const Config back = Config::load("x.toml");
  EXPECT_EQ(back.to_toml(), text);
  EXPECT_EQ(back.train.learning_rate, config.train.learning_rate);
  EXPECT_EQ(back.data.train, config.data.train);
  EXPECT_EQ(back.data.task_weights, config.data.task_weights);
  EXPECT_EQ(back.model.path, "x'\ty");
  EXPECT_EQ(back.routes.at("a.b").task, "t");
  EXPECT_EQ(back.task_rewards, config.task_rewards);
  EXPECT_EQ(back.isolated, config.isolated);
  EXPECT_EQ(std::get<double>(back.normalizer_settings.at("n").at("x").value), 2.0);  // still a float
  EXPECT_EQ(std::get<int64_t>(back.reward_settings.at("em").at("odd key").value), -3);
}

TEST_F(Write, DefaultsReadBack) {
  const std::string text = Config::defaults().to_toml();
  EXPECT_THAT(text, HasSubstr("learning_rate = 2e-6\n"));
  EXPECT_THAT(text, HasSubstr("# timeout_reward is unset\n"));
  write("x.toml", text);
  EXPECT_EQ(Config::load("x.toml").to_toml(), text);
}

TEST(TomlText, Numbers) {
  EXPECT_EQ(toml_number(2e-6), "2e-6");
  EXPECT_EQ(toml_number(0.1), "0.1");
  EXPECT_EQ(toml_number(3), "3.0");
  EXPECT_EQ(toml_number(3, true), "3");
  EXPECT_EQ(toml_number(-0.0), "-0.0");
  EXPECT_EQ(toml_number(1e100), "1e100");
  EXPECT_EQ(toml_number(1e10), "1e10");
  EXPECT_EQ(toml_number(std::nan("")), "nan");
  EXPECT_EQ(toml_number(-std::numeric_limits<double>::infinity()), "-inf");
}

TEST(TomlText, Keys) {
  EXPECT_EQ(toml_key("a-B_9"), "a-B_9");
  EXPECT_EQ(toml_key(""), "\"\"");
  EXPECT_EQ(toml_key("a.b"), "\"a.b\"");
}

TEST(Limits, AsText) {
  EXPECT_EQ(to_string(Limits{}), "");
  EXPECT_EQ(to_string(at_least(0)), "at least 0");
  EXPECT_EQ(to_string(above_to(0, 1)), "above 0, at most 1");
  EXPECT_EQ(to_string(from_below(0, 1)), "at least 0, below 1");
  EXPECT_EQ(to_string(from_to(0, 4096)), "from 0 to 4096");
  EXPECT_EQ(to_string(one_of({"a"})), "\"a\"");
  EXPECT_EQ(to_string(Limits{.choices = {"a", "b"}, .numbered = "c:"}), "\"a\", \"b\" or \"c:N\"");
  EXPECT_EQ(to_string(one_of({"a", "b", "c"})), "\"a\", \"b\" or \"c\"");
}

// The page of the docs is generated: `golong config reference > docs/reference/config.md` after a change of a key.
TEST(Reference, TheCommittedPageIsUpToDate) {
  EXPECT_TRUE(read_file(GOLONG_SOURCE_DIR "/docs/reference/config.md") == config_reference())
      << "run `golong config reference > docs/reference/config.md`";
}

}  // namespace
}  // namespace golong
