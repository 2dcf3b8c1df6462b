#include "core/data/dataset.h"

#include <gmock/gmock.h>

#include <fstream>

#include "core/base/hash.h"
#include "core/data/parallel.h"
#include "tests/unit/data/data_fixture.h"

namespace golong {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RowFileTest : public DataTest {};

TEST_F(RowFileTest, ReadsByIndex) {
  const RowFile file(write("rows.jsonl", "{\"id\": \"a\"}\n\n  \r\n{\"id\": \"b\"}\r\n{\"id\": \"c\"}"));
  ASSERT_EQ(file.size(), 3u);
  EXPECT_EQ(file.read(2).id, "c");
  EXPECT_EQ(file.read(0).id, "a");
  EXPECT_EQ(file.read(1).id, "b");
  EXPECT_EQ(file.line(2), "{\"id\": \"c\"}");
  EXPECT_EQ(file.line_number(1), 4u);
  EXPECT_EQ(file.where(2), (folder_ / "rows.jsonl").string() + ":5");
}

TEST_F(RowFileTest, FingerprintIsOfTheContents) {
  const RowFile one(write("one.jsonl", "{\"id\": 1}\n{\"id\": 2}\n"));
  const RowFile same(write("same.jsonl", "{\"id\": 1}\n{\"id\": 2}\n"));
  const RowFile swapped(write("swapped.jsonl", "{\"id\": 2}\n{\"id\": 1}\n"));
  EXPECT_EQ(one.fingerprint(), same.fingerprint());
  EXPECT_NE(one.fingerprint(), swapped.fingerprint());
  EXPECT_EQ(one.fingerprint().size(), 32u);
}

TEST_F(RowFileTest, MissingAndBroken) {
  EXPECT_THAT(error_of([&] { RowFile((folder_ / "none.jsonl").string()); }), HasSubstr("none.jsonl"));
  const RowFile broken(write("broken.jsonl", "{\"id\": 1}\n{\"id\": \n"));
  EXPECT_EQ(broken.read(0).id, "1");
  EXPECT_THAT(error_of([&] { broken.read(1); }), HasSubstr("broken.jsonl:2: the line is no JSON"));
  EXPECT_EQ(RowFile(write("empty.jsonl", "")).size(), 0u);
}

class PromptMakerTest : public DataTest {};

TEST_F(PromptMakerTest, MakesPrompts) {
  const Row row = parse_row(DataTest::row("Where is it?", "In the box"), "x:1");
  const Prompt prompt = maker()->make(row, "file:1");
  EXPECT_EQ(prompt.uid, "file:1");
  EXPECT_EQ(prompt.key, hash64("file:1"));
  EXPECT_EQ(prompt.draw, 0u);
  EXPECT_EQ(prompt.task, "precise_retrieval");
  EXPECT_EQ(prompt.reward, "em");
  EXPECT_EQ(prompt.norm_key, "EM");
  EXPECT_EQ(tokenizer()->decode(prompt.token_ids, false),
            "<|im_start|>user\nWhere is it?<|im_end|>\n<|im_start|>assistant\n<think>\n");
  EXPECT_EQ(prompt.gold->label, "In the box");
  EXPECT_EQ(prompt.gold->variant, "EM");
  EXPECT_EQ(prompt.gold->json, R"({"golden_label": "In the box"})");
}

TEST_F(PromptMakerTest, PerfectAnswers) {
  const auto makes = maker();
  const Prompt prompt = makes->make(parse_row(row("?", "In the box"), "x:1"), "u");
  EXPECT_EQ(makes->answer(prompt), "In the box");
  EXPECT_EQ(tokenizer()->decode(makes->gold_response(prompt, *tokenizer()), false),
            "\n</think>\n\nIn the box<|im_end|>");
  config_.model.chat_template = "chatml";
  EXPECT_EQ(tokenizer()->decode(maker()->gold_response(prompt, *tokenizer()), false),
            "<think>\n\n</think>\n\nIn the box<|im_end|>");
  const Prompt without = makes->make(
      parse_row(R"({"data_source": "EM", "prompt": "?", "reward_model": {"ground_truth": {}}})", "x:1"), "u");
  EXPECT_THAT(error_of([&] { makes->answer(without); }), HasSubstr("task precise_retrieval: answer failed"));
}

TEST_F(PromptMakerTest, RowsThatMakeNoPrompt) {
  EXPECT_THAT(error_of([&] { maker()->make(parse_row(R"({"data_source": "EM"})", "x:1"), "u"); }),
              HasSubstr("task precise_retrieval: render failed"));
  const std::string role = R"({"data_source": "EM", "prompt": [{"role": "tool", "content": "x"}]})";
  EXPECT_THAT(error_of([&] { maker()->make(parse_row(role, "x:1"), "u"); }), HasSubstr("role \"tool\""));
}

TEST_F(PromptMakerTest, ConfigThatCannotWork) {
  config_.model.chat_template = "qwen4";
  EXPECT_THAT(error_of([&] { maker(); }), HasSubstr("chat template \"qwen4\" is not known"));
  config_.model.chat_template = "llama3";
  EXPECT_THAT(error_of([&] { maker(); }),
              HasSubstr("set model.chat_template to one whose tokens it has: \"chatml\", \"qwen3\""));
}

TEST_F(PromptMakerTest, FingerprintFollowsWhatDecidesPrompts) {
  const std::string before = maker()->fingerprint();
  EXPECT_EQ(maker()->fingerprint(), before);
  config_.model.chat_template = "chatml";
  const std::string chatml = maker()->fingerprint();
  EXPECT_NE(chatml, before);
  config_.routes["mine"] = {"summarization", ""};
  EXPECT_NE(maker()->fingerprint(), chatml);
}

class DatasetTest : public DataTest {};

TEST_F(DatasetTest, SeveralFilesAndLongRows) {
  const std::string a = write("a.jsonl", row("short") + row(std::string(2000, 'x')) + selection_row("which?"));
  const std::string b = write("b.jsonl", "\n" + row("other"));
  config_.data.max_prompt_tokens = 40;
  const auto data = dataset({a, b});
  ASSERT_EQ(data->size(), 3u);
  EXPECT_EQ(data->dropped(), 1u);
  EXPECT_EQ(data->task(0), "precise_retrieval");
  EXPECT_EQ(data->task(1), "evidence_reasoning");
  EXPECT_EQ(data->prompt(1).messages.at(0).content, "which?");
  EXPECT_EQ(data->prompt(1).uid, RowFile(a).fingerprint().substr(0, 12) + ":3");
  EXPECT_EQ(data->prompt(2).uid, RowFile(b).fingerprint().substr(0, 12) + ":2");
  for (size_t i = 0; i < data->size(); ++i) {
    EXPECT_EQ(data->prompt_tokens(i), data->prompt(i).token_ids.size());
    EXPECT_LE(data->prompt_tokens(i), 40u);
  }
  config_.data.max_prompt_tokens = 4000;
  const auto all = dataset({a, b});
  EXPECT_EQ(all->size(), 4u);
  EXPECT_EQ(all->dropped(), 0u);
  EXPECT_NE(all->fingerprint(), data->fingerprint());
}

TEST_F(DatasetTest, CountsOnlyOnce) {
  std::string rows;
  for (int i = 0; i < 200; ++i) rows += row("question " + std::to_string(i));
  const std::string file = write("a.jsonl", rows);
  size_t reported = 0;
  const auto count = [&](size_t done, size_t all) {
    EXPECT_LE(done, all);
    EXPECT_EQ(all, 200u);
    ++reported;
  };
  const Dataset first({file}, config_, maker(), *tokenizer(), count);
  EXPECT_GT(reported, 0u);
  reported = 0;
  const Dataset second({file}, config_, maker(), *tokenizer(), count);
  EXPECT_EQ(reported, 0u);
  EXPECT_EQ(second.fingerprint(), first.fingerprint());
  for (size_t i = 0; i < 200; ++i) EXPECT_EQ(second.prompt_tokens(i), first.prompt_tokens(i));

  write("a.jsonl", rows + row("one more"));  // another file: counted anew
  EXPECT_EQ(dataset({file})->size(), 201u);
}

TEST_F(DatasetTest, ACacheThatIsBrokenIsMadeAnew) {
  const std::string file = write("a.jsonl", row("q"));
  const size_t tokens = dataset({file})->prompt_tokens(0);
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(config_.data.cache)) {
    for (const char* broken : {"", "{", "{\"format\": 1}", "{\"format\":1,\"tasks\":[],\"task\":[0],\"tokens\":[3]}"}) {
      std::ofstream(entry.path()) << broken;
      EXPECT_EQ(dataset({file})->prompt_tokens(0), tokens) << broken;
    }
    ++files;
  }
  EXPECT_EQ(files, 1u);
}

TEST_F(DatasetTest, NoCache) {
  config_.data.cache = "";
  EXPECT_EQ(dataset({write("a.jsonl", row("q"))})->size(), 1u);
  config_.data.cache = "/proc/no/such";
  EXPECT_THAT(error_of([&] { dataset({write("a.jsonl", row("q"))}); }), HasSubstr("data.cache"));
}

TEST_F(DatasetTest, ErrorsNameTheFirstBadRow) {
  std::string rows;
  for (int i = 0; i < 50; ++i) rows += row("q");
  const std::string file = write("a.jsonl", rows + "{\"data_source\": \"EN\", \"prompt\": \"x\"}\n" + rows + "{}\n[");
  EXPECT_THAT(error_of([&] { dataset({file}); }), HasSubstr("a.jsonl:51: data_source \"EN\" is not known"));
  const std::string broken = write("b.jsonl", "{\"data_source\": 1}");
  EXPECT_THAT(error_of([&] { dataset({broken}); }), HasSubstr("b.jsonl:1: column data_source"));
}

TEST_F(DatasetTest, NoRowsLeft) {
  EXPECT_THAT(error_of([&] { dataset({write("a.jsonl", "\n\n")}); }), HasSubstr("there are no rows"));
  EXPECT_THAT(error_of([&] { dataset({}); }), HasSubstr("no files are given"));
  config_.data.max_prompt_tokens = 3;
  EXPECT_THAT(error_of([&] { dataset({write("a.jsonl", row("q"))}); }), HasSubstr("data.max_prompt_tokens = 3"));
}

TEST(ParallelFor, CallsEachOnce) {
  std::vector<int> calls(1000, 0);
  parallel_for(calls.size(), [&](size_t i) { ++calls[i]; });
  EXPECT_THAT(calls, testing::Each(1));
  parallel_for(0, [](size_t) { FAIL(); });
}

TEST(ParallelFor, TheFirstFailureIsThrown) {
  for (int round = 0; round < 20; ++round) {
    try {
      parallel_for(500, [](size_t i) {
        if (i % 7 == 6) fail("row ", i);
      });
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), "row 6");
    }
  }
}

}  // namespace
}  // namespace golong
