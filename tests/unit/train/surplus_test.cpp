#include "core/train/surplus.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/score/group_bytes.h"
#include "tests/unit/train/tiny_model.h"

namespace golong {
namespace {

std::vector<Group> groups() {
  std::vector<Group> made{random_group(5, {3, 0, 4}, 1), random_group(2, {1}, 2)};
  Prompt& prompt = made[0].prompt;
  prompt.uid = "file:3";
  prompt.key = ~uint64_t{0};
  prompt.draw = 2;
  prompt.task = "t";
  prompt.reward = "r";
  prompt.norm_key = "k";
  prompt.messages = {{"user", "what\n?"}};
  Gold gold;
  gold.items = {"a", ""};
  gold.has_items = true;
  gold.json = "{}";
  prompt.gold = std::make_shared<const Gold>(gold);
  Response& response = made[0].responses[0];
  response.logprobs = {-0.1f, -1e-30f, -3};
  response.finish = Finish::length;
  response.weights_step = 7;
  response.text = std::string("a\0b", 3);
  response.outcome = Outcome::scored;
  response.reward = 0.1 + 0.2;
  response.detail = "d";
  response.penalty = 1.0 / 3;
  return made;
}

TEST(GroupBytes, EveryBitComesBack) {
  const std::vector<Group> made = groups();
  const std::string bytes = encode_groups(made);
  const std::vector<Group> back = decode_groups(bytes);
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(encode_groups(back), bytes);
  EXPECT_EQ(back[0].prompt.key, made[0].prompt.key);
  EXPECT_EQ(back[0].prompt.messages[0].content, "what\n?");
  EXPECT_EQ(back[0].prompt.token_ids, made[0].prompt.token_ids);
  EXPECT_EQ(back[0].prompt.gold->items, made[0].prompt.gold->items);
  EXPECT_FALSE(back[0].prompt.gold->has_label);
  EXPECT_EQ(back[1].prompt.gold, nullptr);
  const Response &response = back[0].responses[0], &expected = made[0].responses[0];
  EXPECT_EQ(response.token_ids, expected.token_ids);
  EXPECT_EQ(response.logprobs, expected.logprobs);
  EXPECT_EQ(response.sampled_logprobs, expected.sampled_logprobs);
  EXPECT_EQ(response.finish, Finish::length);
  EXPECT_EQ(response.weights_step, 7);
  EXPECT_EQ(response.text, expected.text);
  EXPECT_EQ(response.outcome, Outcome::scored);
  EXPECT_EQ(response.reward, expected.reward);
  EXPECT_EQ(response.penalty, expected.penalty);
  EXPECT_EQ(response.detail, "d");
}

TEST(GroupBytes, BytesThatAreCutOffAreAnError) {
  const std::string bytes = encode_groups(groups());
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_THROW(decode_groups(bytes.substr(0, size)), Error) << size;
  EXPECT_THROW(decode_groups(bytes + "x"), Error);
}

TEST(Surplus, IsTakenFromTheFront) {
  std::vector<Group> waiting = groups();
  EXPECT_EQ(take_first(waiting, 1)[0].prompt.uid, "file:3");
  EXPECT_EQ(waiting.size(), 1u);
  EXPECT_EQ(take_first(waiting, 3).size(), 1u);
  EXPECT_TRUE(take_first(waiting, 3).empty());
  std::vector<Group> trained = groups();  // 4 responses, of the weights 7, 0, 0, 0
  Metrics metrics = surplus_metrics(trained, trained, 8);
  EXPECT_EQ(metrics.at("train/staleness"), (1 + 3 * 8) / 4.0);
  EXPECT_EQ(metrics.at("train/surplus"), 2);
}

}  // namespace
}  // namespace golong
