#include "core/data/sampler.h"

#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <set>

#include "tests/unit/data/data_fixture.h"

namespace golong {
namespace {

using testing::HasSubstr;

// 20 EM rows "e0".."e19" and 5 selection rows "s0".."s4".
class SamplerTest : public DataTest {
 protected:
  SamplerTest() {
    std::string rows;
    for (int i = 0; i < 20; ++i) rows += row("e" + std::to_string(i));
    for (int i = 0; i < 5; ++i) rows += selection_row("s" + std::to_string(i));
    data_ = dataset({write("rows.jsonl", rows)});
  }
  Sampler sampler(uint64_t seed = 1, const std::map<std::string, double>& weights = {}, bool shuffle = true) const {
    return Sampler(data_, seed, shuffle, weights);
  }
  static std::vector<std::string> names(const std::vector<Prompt>& prompts) {
    std::vector<std::string> names;
    for (const Prompt& prompt : prompts)
      names.push_back(prompt.messages[0].content + "#" + std::to_string(prompt.draw));
    return names;
  }

  std::shared_ptr<const Dataset> data_;
};

TEST_F(SamplerTest, EachRowOnceAnEpoch) {
  Sampler draws = sampler();
  std::vector<std::string> orders[3];
  for (uint64_t epoch = 0; epoch < 3; ++epoch) {
    EXPECT_EQ(draws.epoch(), static_cast<int64_t>(epoch));
    std::set<std::string> seen;
    for (const Prompt& prompt : draws.next(25)) {
      EXPECT_EQ(prompt.draw, epoch);
      seen.insert(prompt.uid);
      orders[epoch].push_back(prompt.uid);
    }
    EXPECT_EQ(seen.size(), 25u);
  }
  EXPECT_EQ(draws.epoch(), 3);
  EXPECT_NE(orders[0], orders[1]);
  EXPECT_NE(orders[1], orders[2]);
}

TEST_F(SamplerTest, BatchesMayCrossAnEpoch) {
  Sampler in_parts = sampler(), at_once = sampler();
  std::vector<std::string> parts;
  for (size_t count : {7u, 30u, 1u, 0u, 40u}) {
    for (const auto& name : names(in_parts.next(count))) parts.push_back(name);
  }
  EXPECT_EQ(parts, names(at_once.next(78)));
}

TEST_F(SamplerTest, TheSeedDecides) {
  EXPECT_EQ(names(sampler(1).next(60)), names(sampler(1).next(60)));
  EXPECT_NE(names(sampler(1).next(25)), names(sampler(2).next(25)));
  const auto in_order = names(sampler(1, {}, false).next(26));
  EXPECT_EQ(in_order[0], "e0#0");
  EXPECT_EQ(in_order[24], "s4#0");
  EXPECT_EQ(in_order[25], "e0#1");
}

// With weights 1 and 3, three quarters of the prompts come from the 5 rows: 3,000 of 4,000, give or take four times
// the standard deviation of 27.
TEST_F(SamplerTest, WeightsDecideTheShareOfTasks) {
  Sampler draws = sampler(3, {{"evidence_reasoning", 3}});
  std::map<std::string, int> of_task, of_row;
  for (const Prompt& prompt : draws.next(4000)) {
    ++of_task[prompt.task];
    EXPECT_EQ(prompt.draw, static_cast<uint64_t>(of_row[prompt.uid]++));
  }
  EXPECT_NEAR(of_task["evidence_reasoning"], 3000, 110);
  EXPECT_EQ(of_task["evidence_reasoning"] + of_task["precise_retrieval"], 4000);
  EXPECT_EQ(of_row.size(), 25u);
  EXPECT_EQ(draws.epoch(), 160);
}

TEST_F(SamplerTest, WeightZeroLeavesATaskOut) {
  Sampler draws = sampler(1, {{"precise_retrieval", 0}});
  for (const Prompt& prompt : draws.next(50)) EXPECT_EQ(prompt.task, "evidence_reasoning");
  EXPECT_EQ(draws.epoch(), 10);
  EXPECT_THAT(error_of([&] {
                sampler(1, {{"precise_retrieval", 0}, {"evidence_reasoning", 0}});
              }),
              HasSubstr("leaves no row"));
  EXPECT_THAT(error_of([&] { sampler(1, {{"summarization", 1}}); }), HasSubstr("summarization"));
  EXPECT_EQ(error_of([&] { sampler(1, {{"summarization", 0}}); }), "");
}

TEST_F(SamplerTest, GoesOnWhereItWasSaved) {
  const std::map<std::string, double> weightings[] = {{}, {{"evidence_reasoning", 2}, {"precise_retrieval", 1}}};
  for (const auto& weights : weightings) {
    for (size_t before : {0u, 10u, 25u, 49u, 63u}) {
      Sampler first = sampler(5, weights);
      first.next(before);
      const std::string state = first.save();
      Sampler second = sampler(5, weights);
      second.next(3);  // loading forgets what was drawn
      second.load(state);
      EXPECT_EQ(second.epoch(), first.epoch());
      EXPECT_EQ(names(second.next(70)), names(first.next(70))) << before;
      EXPECT_EQ(second.save(), first.save());
    }
  }
}

TEST_F(SamplerTest, RefusesAStateOfSomethingElse) {
  Sampler draws = sampler(1);
  draws.next(4);
  const std::string state = draws.save();
  EXPECT_THAT(error_of([&] { sampler(2).load(state); }), HasSubstr("other rows or another order"));
  EXPECT_THAT(error_of([&] { sampler(1, {{"evidence_reasoning", 2}}).load(state); }), HasSubstr("other rows"));
  EXPECT_THAT(error_of([&] { sampler(1, {}, false).load(state); }), HasSubstr("other rows"));
  Sampler other(dataset({write("other.jsonl", row("x"))}), 1, true, {});
  EXPECT_THAT(error_of([&] { other.load(state); }), HasSubstr("other rows"));
  for (const char* broken : {"", "[]", "{}", "{\"fingerprint\": 3}", "nonsense"}) {
    EXPECT_NE(error_of([&] { draws.load(broken); }), "") << broken;
  }
  std::string cut = state;
  cut.replace(cut.find("\"position\":4"), 12, "\"position\":99");
  EXPECT_THAT(error_of([&] { draws.load(cut); }), HasSubstr("position"));
  EXPECT_EQ(draws.save(), state);  // a state that is refused changes nothing
}

}  // namespace
}  // namespace golong
