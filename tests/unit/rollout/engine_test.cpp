// Generation against the plain model: log-probabilities, and the same tokens however a group is run.
#include "core/rollout/engine.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/error.h"
#include "tests/unit/error_message.h"
#include "tests/unit/train/tiny_model.h"

namespace golong {
namespace {

using testing::HasSubstr;

Prompt random_prompt(size_t length, uint64_t key) {
  Prompt prompt = random_group(length, {}, key).prompt;
  prompt.key = key;
  prompt.uid = "row " + std::to_string(key);
  return prompt;
}

std::vector<Prompt> some_prompts() {
  return {random_prompt(3, 1), random_prompt(90, 2), random_prompt(17, 3), random_prompt(64, 4), random_prompt(1, 5)};
}

Sampling some_sampling() {
  Sampling sampling;
  sampling.n = 4;
  sampling.max_response_tokens = 24;
  sampling.stop_ids = {7, 8};
  return sampling;
}

struct Engine {
  explicit Engine(EngineOptions options = {}, at::ScalarType dtype = at::kFloat, const ModelShape& shape = tiny_shape())
      : model(tiny_model(dtype, 7, shape)), engine(*model, options) {}
  std::vector<Group> generate(std::vector<Prompt> prompts, const Sampling& sampling = some_sampling()) {
    return engine.generate(std::move(prompts), sampling, 11, Stream::train, 5);
  }
  std::unique_ptr<Model> model;
  RolloutEngine engine;
};

bool same_tokens(const Group& a, const Group& b) {
  return std::equal(a.responses.begin(), a.responses.end(), b.responses.begin(), b.responses.end(),
                    [](const Response& x, const Response& y) { return x.token_ids == y.token_ids; });
}

void expect_equal(const std::vector<Group>& a, const std::vector<Group>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t g = 0; g < a.size(); ++g) {
    ASSERT_TRUE(same_tokens(a[g], b[g])) << "group " << g;
    for (size_t r = 0; r < a[g].responses.size(); ++r) {
      for (size_t i = 0; i < a[g].responses[r].logprobs.size(); ++i) {
        ASSERT_NEAR(a[g].responses[r].logprobs[i], b[g].responses[r].logprobs[i], tolerance);
      }
    }
  }
}

TEST(RolloutEngine, LogprobsAreThoseOfThePlainModel) {
  c10::NoGradGuard no_grad;
  ModelShape stretched = tiny_shape();
  stretched.architecture = "LlamaForCausalLM";
  stretched.qk_norm = false;
  stretched.rope = {.type = "yarn", .factor = 4, .original_positions = 64, .attention_factor = 1.139};
  for (const ModelShape& shape : {tiny_shape(), tiny_experts(), stretched}) {
    Engine e({}, at::kFloat, shape);
    for (const Group& group : e.generate(some_prompts())) {
      for (const Response& response : group.responses) {
        at::Tensor expected = plain_logprobs(*e.model, group, response);
        at::Tensor got = at::tensor(response.logprobs, at::kFloat);
        EXPECT_LT((got - expected).abs().max().item<double>(), 1e-4) << shape.architecture;
        EXPECT_EQ(response.weights_step, 5);
      }
    }
  }
}

TEST(RolloutEngine, BatchInvarianceIsNotPromisedForExperts) {
  EXPECT_THAT(error_message([] { Engine({.batch_invariant = true}, at::kFloat, tiny_experts()); }),
              HasSubstr("rollout.batch_invariant is not built for models with experts"));
}

TEST(RolloutEngine, GreedyTakesThePlainModelsLikeliestTokens) {
  c10::NoGradGuard no_grad;
  Engine e;
  Sampling sampling = some_sampling();
  sampling.n = 1;
  sampling.cut_offs.temperature = 0;
  for (const Group& group : e.generate(some_prompts(), sampling)) {
    const Response& response = group.responses[0];
    at::Tensor expected = plain_distributions(*e.model, group, response).argmax(1).to(at::kInt);
    EXPECT_TRUE(expected.equal(at::tensor(response.token_ids, at::kInt))) << group.prompt.uid;
  }
}

TEST(RolloutEngine, EachPromptIsComputedOnce) {
  Engine e;
  e.generate(some_prompts());
  EXPECT_EQ(e.engine.stats().prompt_tokens, 3 + 90 + 17 + 64 + 1);  // whatever n is
}

TEST(RolloutEngine, AloneOrInABatchGivesTheSameTokens) {
  Engine together;
  std::vector<Group> all = together.generate(some_prompts());
  std::vector<Group> alone, few;
  Engine other({.max_running_responses = 5});  // groups wait for others to end
  for (Prompt& prompt : some_prompts()) alone.push_back(other.generate({std::move(prompt)})[0]);
  expect_equal(all, alone, 1e-4);
  expect_equal(all, other.generate(some_prompts()), 1e-4);
}

TEST(RolloutEngine, OneOfManyResponsesIsTheSameWithFewer) {
  Engine e;
  Sampling one = some_sampling();
  one.n = 1;
  std::vector<Group> four = e.generate(some_prompts()), single = e.generate(some_prompts(), one);
  for (size_t g = 0; g < four.size(); ++g) {
    EXPECT_EQ(four[g].responses[0].token_ids, single[g].responses[0].token_ids);
    EXPECT_NE(four[g].responses[0].token_ids, four[g].responses[1].token_ids);  // each sample has noise of its own
  }
}

TEST(RolloutEngine, BatchInvariantIsTheSameBitForBit) {
  Engine e({.batch_invariant = true}), narrow({.max_running_responses = 4, .batch_invariant = true});
  std::vector<Group> all = e.generate(some_prompts());
  expect_equal(all, narrow.generate(some_prompts()), 0);
}

TEST(RolloutEngine, APromptInChunksGivesTheSameTokens) {
  Engine whole, chunks({.prefill_chunk_tokens = 32});
  expect_equal(whole.generate(some_prompts()), chunks.generate(some_prompts()), 1e-4);
}

TEST(RolloutEngine, ANewDrawOfAPromptHasNewNoise) {
  Engine e;
  std::vector<Prompt> again = some_prompts();
  for (Prompt& prompt : again) prompt.draw = 1;
  std::vector<Group> first = e.generate(some_prompts()), second = e.generate(again);
  for (size_t g = 0; g < first.size(); ++g) EXPECT_FALSE(same_tokens(first[g], second[g]));
}

TEST(RolloutEngine, AResponseEndsAtAStopTokenOrTheLimit) {
  Engine e;
  size_t stopped = 0, full = 0;
  for (const Group& group : e.generate(some_prompts())) {
    for (const Response& r : group.responses) {
      auto stop = [](int32_t id) { return id == 7 || id == 8; };
      bool last_stops = stop(r.token_ids.back());
      EXPECT_EQ(r.finish, last_stops ? Finish::stop : Finish::length);
      EXPECT_EQ(std::count_if(r.token_ids.begin(), r.token_ids.end(), stop), last_stops);
      EXPECT_LE(r.token_ids.size(), 24u);
      EXPECT_TRUE(last_stops || r.token_ids.size() == 24);
      stopped += last_stops;
      full += !last_stops;
    }
  }
  EXPECT_GT(stopped, 0u);
  EXPECT_GT(full, 0u);
}

TEST(RolloutEngine, GenerationEndsAtTheModelsLastPosition) {
  Engine e;
  Sampling sampling = some_sampling();
  sampling.stop_ids = {};
  std::vector<Group> groups = e.generate({random_prompt(250, 9)}, sampling);
  for (const Response& r : groups[0].responses) EXPECT_EQ(r.token_ids.size(), 6u);
}

TEST(RolloutEngine, BFloat16StaysCloseToThePlainModel) {
  c10::NoGradGuard no_grad;
  Engine e({}, at::kBFloat16);
  for (const Group& group : e.generate(some_prompts())) {
    for (const Response& response : group.responses) {
      at::Tensor expected = plain_logprobs(*e.model, group, response).to(at::kFloat);
      EXPECT_LT((at::tensor(response.logprobs, at::kFloat) - expected).abs().max().item<double>(), 0.25);
    }
  }
}

TEST(RolloutEngine, SaysWhatIsWrongWithAPrompt) {
  Engine e;
  Prompt empty = random_prompt(0, 1), longer = random_prompt(256, 2), foreign = random_prompt(4, 3);
  foreign.token_ids[2] = 48;
  EXPECT_THAT(error_message([&] { e.generate({empty}); }), HasSubstr("row 1: the prompt is empty"));
  EXPECT_THAT(error_message([&] { e.generate({longer}); }), HasSubstr("256 tokens, the model has 256"));
  EXPECT_THAT(error_message([&] { e.generate({foreign}); }), HasSubstr("token 48 is outside"));
  Sampling none = some_sampling();
  none.n = 0;
  EXPECT_THAT(error_message([&] { e.generate(some_prompts(), none); }), HasSubstr("must be positive"));
}

TEST(RolloutEngine, StopsWhenAskedAndGoesOnAfterwards) {
  Engine e;
  std::vector<Group> whole = e.generate(some_prompts());
  int calls = 0;
  EXPECT_THROW(e.engine.generate(some_prompts(), some_sampling(), 11, Stream::train, 5, [&] { return ++calls == 6; }),
               Stopped);
  expect_equal(whole, e.generate(some_prompts()), 0);
}

TEST(RolloutEngine, WeightsThatDivergedAreNamed) {
  Engine e;
  c10::NoGradGuard no_grad;
  e.model->parameters()[0].second.detach().fill_(NAN);
  EXPECT_THAT(error_message([&] { e.generate(some_prompts()); }), HasSubstr("logits are not finite"));
}

}  // namespace
}  // namespace golong
