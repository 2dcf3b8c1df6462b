// Generation against the plain model: log-probabilities, and the same tokens however a group is run.
#include "core/rollout/engine.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "core/base/error.h"
#include "tests/unit/error_message.h"
#include "tests/unit/train/tiny_model.h"

namespace golong {
namespace {

using testing::ElementsAreArray;
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

TEST(RolloutEngine, GreedyTakesThePlainModelsLikeliestTokens) {
  c10::NoGradGuard no_grad;
  Engine e;
  Sampling sampling = some_sampling();
  sampling.n = 1;
  sampling.rule.temperature = 0;
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

// Pages of the tiny model hold 64 tokens; these prompts take 1, 2, 1, 1, 1 of them and a response 1.
EngineOptions little_memory(int64_t pages, bool batch_invariant = false) {
  const int64_t page_bytes = Engine().engine.page_bytes();
  return {.kv_cache_bytes = pages * page_bytes, .batch_invariant = batch_invariant};
}

TEST(RolloutEngine, BatchInvariantIsTheSameBitForBit) {
  for (const ModelShape& shape : {tiny_shape(), tiny_experts()}) {
    Engine e({.batch_invariant = true}, at::kFloat, shape);
    Engine narrow({.max_running_responses = 3, .prefill_chunk_tokens = 40, .batch_invariant = true}, at::kFloat, shape);
    Engine small(little_memory(5, true), at::kFloat, shape);
    std::vector<Group> all = e.generate(some_prompts());
    expect_equal(all, narrow.generate(some_prompts()), 0);
    expect_equal(all, small.generate(some_prompts()), 0);
  }
}

Sampling long_sampling() {
  Sampling sampling = some_sampling();
  sampling.max_response_tokens = 150;
  sampling.stop_ids = {};
  return sampling;
}

TEST(RolloutEngine, ResponsesThatGaveWayForMemoryGoOnWithTheSameTokens) {
  Engine plenty;
  const std::vector<Group> whole = plenty.generate(some_prompts(), long_sampling());
  EXPECT_EQ(plenty.engine.stats().sent_back, 0);
  EXPECT_EQ(plenty.engine.stats().recomputed_tokens, 0);
  // From as little as holds one response of the longest prompt: two pages and three.
  for (int64_t pages : {5, 8, 11}) {
    Engine small(little_memory(pages));
    expect_equal(whole, small.generate(some_prompts(), long_sampling()), 1e-4);
    EXPECT_GT(small.engine.stats().sent_back, 0) << pages;
    EXPECT_GT(small.engine.stats().recomputed_tokens, 0) << pages;
    EXPECT_LE(small.engine.stats().kv_bytes, pages * small.engine.page_bytes());
    // Bit for bit where asked for.
    Engine exact({.batch_invariant = true}), exact_small(little_memory(pages, true));
    expect_equal(exact.generate(some_prompts(), long_sampling()), exact_small.generate(some_prompts(), long_sampling()),
                 0);
  }
}

TEST(RolloutEngine, APromptThatCannotFitIsRefusedWithNumbers) {
  Engine small(little_memory(4));
  const int64_t page = small.engine.page_bytes();
  EXPECT_THAT(error_message([&] { small.generate(some_prompts(), long_sampling()); }),
              HasSubstr("row 2: keys and values of the prompt of 90 tokens and of one response of 150 take " +
                        std::to_string(5 * page) + " bytes, there is room for " + std::to_string(4 * page) +
                        "; raise rollout.kv_cache_bytes"));
}

TEST(RolloutEngine, MoreResponsesThanRunTogetherAreTheSame) {
  Engine all, few({.max_running_responses = 3});
  Sampling sampling = some_sampling();
  sampling.n = 7;
  expect_equal(all.generate(some_prompts(), sampling), few.generate(some_prompts(), sampling), 1e-4);
  EXPECT_EQ(few.engine.stats().prompt_tokens, all.engine.stats().prompt_tokens);
}

// One document of 150 tokens with several questions behind it, one prompt that is another's beginning, and the same
// prompt twice.
std::vector<Prompt> prompts_on_one_document() {
  const Prompt document = random_prompt(150, 20);
  std::vector<Prompt> prompts;
  for (uint64_t question = 0; question < 5; ++question) {
    prompts.push_back(random_prompt(3 + 20 * question, 30 + question));
    auto& ids = prompts.back().token_ids;
    ids.insert(ids.begin(), document.token_ids.begin(), document.token_ids.end());
  }
  prompts.push_back(prompts[4]);
  prompts.back().draw = 1;
  prompts.push_back(document);
  return prompts;
}

TEST(RolloutEngine, WhatPromptsHaveInCommonIsComputedOnceAndGivesTheSameTokens) {
  Engine shared, apart({.share_prefixes = false}), few({.max_running_responses = 4});
  const std::vector<Group> expected = apart.generate(prompts_on_one_document());
  expect_equal(expected, shared.generate(prompts_on_one_document()), 1e-4);
  const int64_t all = apart.engine.stats().prompt_tokens;
  EXPECT_EQ(apart.engine.stats().shared_prompt_tokens, 0);
  // Two pages of the document in each prompt but the first, and a third of the prompt that comes twice.
  EXPECT_EQ(shared.engine.stats().shared_prompt_tokens, 6 * 128 + 64);
  EXPECT_EQ(shared.engine.stats().prompt_tokens, all - 6 * 128 - 64);
  // Also where one group runs at a time, and in the next call with the same weights; not with others.
  expect_equal(expected, few.generate(prompts_on_one_document()), 1e-4);
  EXPECT_EQ(few.engine.stats().shared_prompt_tokens, 6 * 128 + 64);
  expect_equal(expected, few.generate(prompts_on_one_document()), 1e-4);
  EXPECT_EQ(few.engine.stats().shared_prompt_tokens, 7 * 128 + 2 * 64);
  few.engine.generate(prompts_on_one_document(), some_sampling(), 11, Stream::train, 6);
  EXPECT_EQ(few.engine.stats().shared_prompt_tokens, 6 * 128 + 64);
  few.engine.generate(prompts_on_one_document(), some_sampling(), 11, Stream::eval, 6);
  EXPECT_EQ(few.engine.stats().shared_prompt_tokens, 6 * 128 + 64);
}

TEST(RolloutEngine, SharedPrefixesAndLittleMemoryGoTogether) {
  ModelShape shape = tiny_shape();
  shape.max_positions = 512;
  Engine exact({.share_prefixes = false, .batch_invariant = true}, at::kFloat, shape);
  Sampling sampling = long_sampling();
  sampling.max_response_tokens = 250;
  const std::vector<Group> expected = exact.generate(prompts_on_one_document(), sampling);
  for (int64_t pages : {8, 11, 16}) {
    Engine small(little_memory(pages, true), at::kFloat, shape);
    expect_equal(expected, small.generate(prompts_on_one_document(), sampling), 0);
    EXPECT_GT(small.engine.stats().sent_back, 0) << pages;
    EXPECT_GT(small.engine.stats().shared_prompt_tokens, 0) << pages;
  }
}

TEST(RolloutEngine, KeysAndValuesTakeWhatTheFormulaSays) {
  Engine e;
  Sampling sampling = some_sampling();
  sampling.stop_ids = {};
  sampling.n = 8;
  e.generate({random_prompt(130, 1)}, sampling);
  const int64_t dims = 2 * 2 * (8 + 16);  // layers, heads of keys, dimensions of keys and of values (filled up to 16)
  EXPECT_EQ(e.engine.stats().kv_bytes, (3 + 8 * 1) * 64 * dims * 4);  // the prompt once, each response for itself
}

TEST(RolloutEngine, TheRepetitionPenaltyCountsPromptAndResponse) {
  c10::NoGradGuard no_grad;
  Engine e;
  Sampling sampling = some_sampling();
  sampling.n = 1;
  sampling.rule = {.repetition_penalty = 1.7, .temperature = 0};
  for (const Group& group : e.generate(some_prompts(), sampling)) {
    const Response& response = group.responses[0];
    const at::Tensor logits = plain_logits(*e.model, group, response);
    std::vector<int32_t> text = group.prompt.token_ids;
    for (size_t i = 0; i < response.token_ids.size(); ++i) {
      at::Tensor row = logits[static_cast<int64_t>(i)].clone();
      for (int32_t token : std::set<int32_t>(text.begin(), text.end())) {
        const double logit = row[token].item<double>();
        row[token] = logit > 0 ? logit / 1.7 : logit * 1.7;
      }
      EXPECT_EQ(response.token_ids[i], row.argmax().item<int64_t>());
      text.push_back(response.token_ids[i]);
    }
  }
}

// Some of the text that a run makes, put together of several tokens, ends the same run right there.
TEST(RolloutEngine, AStopStringEndsAResponseWithTheTokenThatCompletesIt) {
  const auto tokenizer = Tokenizer::load(GOLONG_SOURCE_DIR "/tests/data/tokenizer");
  Engine e;
  Sampling sampling = long_sampling();
  sampling.max_response_tokens = 60;
  const std::vector<Group> whole = e.generate(some_prompts(), sampling);
  const auto& ids = whole[1].responses[2].token_ids;
  const std::string before = tokenizer->decode(std::span(ids).first(20), true),
                    text = tokenizer->decode(std::span(ids).first(24), true);
  const std::string stop = text.substr(before.size() - 1, 3);
  sampling.stop = {{"no model says this", stop}, tokenizer};
  size_t stopped = 0;
  for (size_t g = 0; const Group& group : e.generate(some_prompts(), sampling)) {
    for (size_t r = 0; r < group.responses.size(); ++r) {
      const Response& response = group.responses[r];
      const auto& unstopped = whole[g].responses[r].token_ids;
      // The first tokens that hold it.
      size_t count = 1;
      while (count < 60 && tokenizer->decode(std::span(unstopped).first(count), true).find(stop) == std::string::npos)
        ++count;
      EXPECT_THAT(response.token_ids, ElementsAreArray(std::span(unstopped).first(count)));
      const bool ends = count < 60;
      EXPECT_TRUE(!ends || response.finish == Finish::stop);
      stopped += ends;
    }
    ++g;
  }
  EXPECT_GE(stopped, 1u);
}

TEST(RolloutEngine, EachTokenIsToldOf) {
  Engine e;
  std::map<uint64_t, std::vector<size_t>> heard;  // by prompt: tokens of each sample
  const auto groups = e.engine.generate(some_prompts(), some_sampling(), 11, Stream::train, 5,
                                        {.on_token = [&](const Group& group, size_t sample) {
                                          auto& counts = heard[group.prompt.key];
                                          counts.resize(4);
                                          EXPECT_EQ(++counts[sample], group.responses[sample].token_ids.size());
                                        }});
  for (const Group& group : groups) {
    for (size_t i = 0; i < 4; ++i) EXPECT_EQ(heard[group.prompt.key][i], group.responses[i].token_ids.size());
  }
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
  EXPECT_THROW(e.engine.generate(some_prompts(), some_sampling(), 11, Stream::train, 5,
                                 {.should_stop = [&] { return ++calls == 6; }}),
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
