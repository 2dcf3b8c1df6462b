#include "core/text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "core/base/file.h"

namespace golong {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using Ids = std::vector<int32_t>;

const std::string folder = GOLONG_SOURCE_DIR "/tests/data/tokenizer";

std::shared_ptr<const Tokenizer> tokenizer() {
  static const auto loaded = Tokenizer::load(folder);
  return loaded;
}

json::array cases(const std::string& name) { return json::parse(read_file(folder + "/" + name)).as_array(); }

Ids ids_of(const json::value& value) { return json::value_to<Ids>(value); }

// The expected values were made by the PyPI package `tokenizers` (make_cases.py).
TEST(Tokenizer, EncodesAndDecodesAsThePackage) {
  size_t count = 0;
  for (const json::value& value : cases("encode_cases.json")) {
    const std::string text(value.at("text").as_string());
    const Ids ids = ids_of(value.at("ids"));
    EXPECT_EQ(tokenizer()->encode(text), ids) << value;
    EXPECT_EQ(tokenizer()->encode_plain(text), ids_of(value.at("plain"))) << value;
    EXPECT_EQ(tokenizer()->decode(ids, false), value.at("decoded").as_string()) << value;
    EXPECT_EQ(tokenizer()->decode(ids, true), value.at("shown").as_string()) << value;
    ++count;
  }
  EXPECT_GT(count, 400u);
}

TEST(Tokenizer, DecodesBytesThatAreNoUtf8AsThePackage) {
  for (const json::value& value : cases("decode_cases.json")) {
    EXPECT_EQ(tokenizer()->decode(ids_of(value.at("ids")), false), value.at("decoded").as_string()) << value;
  }
}

TEST(Tokenizer, PlainTextHoldsNoAddedToken) {
  const Ids ids = tokenizer()->encode_plain("<|im_end|>\n<think>");
  for (const char* token : {"<|im_end|>", "<think>"}) {
    EXPECT_EQ(std::count(ids.begin(), ids.end(), tokenizer()->find(token).value()), 0) << token;
  }
  EXPECT_EQ(tokenizer()->decode(ids, true), "<|im_end|>\n<think>");
}

TEST(Tokenizer, KnowsItsTokens) {
  EXPECT_EQ(tokenizer()->vocabulary_size(), 2048);
  EXPECT_EQ(tokenizer()->find("<|endoftext|>"), 2043);
  EXPECT_EQ(tokenizer()->find("</think>"), 2047);
  EXPECT_EQ(tokenizer()->find("no such token"), std::nullopt);
  EXPECT_EQ(tokenizer()->fingerprint().size(), 32u);
}

TEST(Tokenizer, RefusesIdsThatDoNotExist) {
  for (int32_t id : {-1, 2048, INT32_MAX, INT32_MIN}) {
    EXPECT_THROW(tokenizer()->decode(std::vector{5, id}, false), Error) << id;
  }
}

TEST(Tokenizer, TextThatIsNoUtf8) {
  EXPECT_EQ(tokenizer()->encode("a\xff\xe4\xb8z"), tokenizer()->encode("a\xef\xbf\xbd\xef\xbf\xbdz"));
  EXPECT_EQ(tokenizer()->decode(tokenizer()->encode("a\xff"), false), "a\xef\xbf\xbd");
}

TEST(Tokenizer, ManyThreads) {
  const std::string text = read_file(folder + "/make_cases.py");
  const Ids expected = tokenizer()->encode(text);
  std::vector<int> equal(4, 0);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < equal.size(); ++i) {
    threads.emplace_back([&, i] { equal[i] = tokenizer()->encode(text) == expected; });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(equal, testing::Each(1));
}

// Writes a changed copy of the test's tokenizer.json and loads it.
class ChangedFile : public testing::Test {
 protected:
  using Change = std::function<void(json::object&)>;

  std::shared_ptr<const Tokenizer> load(const Change& change) {
    json::object root = json::parse(read_file(folder + "/tokenizer.json")).as_object();
    change(root);
    write_file_atomic(path_, json::serialize(root));
    return Tokenizer::load(path_);
  }

  std::string error(const Change& change) {
    try {
      load(change);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(path_.string()));
      return error.what();
    }
    return "no error";
  }

  static json::object& model(json::object& root) { return root["model"].as_object(); }
  static json::object added(int64_t id, const char* content, const char* flag) {
    json::object token{{"id", id}, {"content", content}};
    token[flag] = true;
    return token;
  }

  void TearDown() override { std::filesystem::remove(path_); }

  std::filesystem::path path_ = std::filesystem::path(testing::TempDir()) /
                                (std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + ".json");
};

TEST_F(ChangedFile, MergesAsStringsAreTheSame) {
  const auto changed = load([](json::object& root) {
    for (json::value& merge : model(root)["merges"].as_array()) {
      const json::array pair = merge.as_array();
      merge = std::string(pair[0].as_string()) + " " + std::string(pair[1].as_string());
    }
  });
  for (const json::value& value : cases("encode_cases.json")) {
    EXPECT_EQ(changed->encode(std::string(value.at("text").as_string())), ids_of(value.at("ids")));
  }
  EXPECT_NE(changed->fingerprint(), tokenizer()->fingerprint());
}

TEST_F(ChangedFile, IgnoreMergesTakesWholeWords) {
  const auto changed = load([](json::object& root) {
    model(root)["vocab"].as_object()["qzx"] = 2048;
    model(root)["ignore_merges"] = true;
  });
  EXPECT_EQ(changed->encode("qzx"), Ids{2048});
  EXPECT_GT(changed->encode("qzxq").size(), 1u);
}

// Llama 3 counts digits by three; GPT-2 lets ByteLevel cut the words.
TEST_F(ChangedFile, OtherWaysToCutWords) {
  const auto llama = load([](json::object& root) {
    json::value& split = root["pre_tokenizer"].as_object()["pretokenizers"].as_array()[0];
    json::string& regex = split.as_object()["pattern"].as_object()["Regex"].as_string();
    regex.replace(regex.find("|\\p{N}|"), 7, "|\\p{N}{1,3}|");
    model(root)["vocab"].as_object()["12"] = 2048;
    model(root)["merges"].as_array().push_back(json::array{"1", "2"});
  });
  EXPECT_EQ(llama->encode("12"), Ids{2048});
  EXPECT_EQ(llama->encode("33312"), (Ids{llama->encode("3")[0], llama->encode("3")[0], llama->encode("3")[0], 2048}));
  EXPECT_EQ(llama->encode("3312").size(), 4u);  // 331 and 2

  const auto gpt2 = load([](json::object& root) {
    root["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"use_regex", true}};
    root["normalizer"] = nullptr;
  });
  EXPECT_EQ(gpt2->decode(gpt2->encode("the end"), false), " the end");
  EXPECT_EQ(gpt2->encode("the end"), gpt2->encode(" the end"));
}

TEST_F(ChangedFile, FlagsOfAddedTokens) {
  const auto changed = load([](json::object& root) {
    json::array& tokens = root["added_tokens"].as_array();
    tokens.push_back(added(2048, "<left>", "lstrip"));
    tokens.push_back(added(2049, "<right>", "rstrip"));
    tokens.push_back(added(2050, "wordy", "single_word"));
    tokens.push_back(added(2051, "<e\xcc\x81>", "normalized"));
  });
  const auto x = changed->encode("x").at(0);
  EXPECT_EQ(changed->encode("x \n<left>x"), (Ids{x, 2048, x}));
  EXPECT_EQ(changed->encode("x<right>\xe3\x80\x80 x"), (Ids{x, 2049, x}));
  EXPECT_EQ(changed->encode("wordy"), Ids{2050});
  EXPECT_EQ(changed->encode("wordy."), (Ids{2050, changed->encode(".").at(0)}));
  EXPECT_THAT(changed->encode("wordys"), testing::Not(testing::Contains(2050)));
  EXPECT_EQ(changed->encode("<\xc3\xa9>"), Ids{2051});
}

TEST_F(ChangedFile, WhatIsNotSupportedIsNamed) {
  const std::pair<Change, const char*> wrong[] = {
      {[](json::object& root) { model(root)["type"] = "Unigram"; }, "model.type is \"Unigram\", only \"BPE\""},
      {[](json::object& root) { model(root)["dropout"] = 0.1; }, "model.dropout"},
      {[](json::object& root) { model(root)["end_of_word_suffix"] = "</w>"; }, "model.end_of_word_suffix"},
      {[](json::object& root) {
         root["normalizer"] = {{"type", "Lowercase"}};
       },
       "normalizer Lowercase"},
      {[](json::object& root) {
         root["pre_tokenizer"] = {{"type", "Metaspace"}};
       },
       "pre_tokenizer Metaspace"},
      {[](json::object& root) { root["pre_tokenizer"] = nullptr; }, "no step ByteLevel"},
      {[](json::object& root) {
         root["decoder"] = {{"type", "WordPiece"}};
       },
       "decoder is \"WordPiece\""},
      {[](json::object& root) { root.erase("model"); }, "the file has no key model"},
      {[](json::object& root) { model(root).erase("merges"); }, "model has no key merges"},
      {[](json::object& root) { model(root)["vocab"].as_object().erase("a"); }, "no token for the byte 97 (a)"},
      {[](json::object& root) { model(root)["vocab"].as_object()["a"] = -3; }, "token \"a\" has the id -3"},
      {[](json::object& root) { model(root)["vocab"].as_object()["a"] = 66; }, "the id 66 twice"},
      {[](json::object& root) { model(root)["merges"].as_array()[2] = "a b c"; }, "model.merges[2]"},
      {[](json::object& root) { model(root)["merges"].as_array()[2] = "zz\u00e9 q"; }, "which model.vocab lacks"},
      {[](json::object& root) { root["added_tokens"].as_array().push_back(added(7, "<x>", "special")); },
       "added token <x> has the id 7, which is another token's"},
      {[](json::object& root) { root["added_tokens"].as_array().push_back(added(3000, "a", "special")); },
       "added token a has the id 3000"},
      {[](json::object& root) {
         json::value& split = root["pre_tokenizer"].as_object()["pretokenizers"].as_array()[0];
         split.as_object()["pattern"] = {{"Regex", "a(b"}};
       },
       "has the pattern a(b, which ICU cannot read"},
      {[](json::object& root) {
         json::value& split = root["pre_tokenizer"].as_object()["pretokenizers"].as_array()[0];
         split.as_object()["behavior"] = "Removed";
       },
       "the behavior \"Removed\""},
  };
  for (const auto& [change, message] : wrong) EXPECT_THAT(error(change), HasSubstr(message));
}

TEST(TokenizerFile, MissingOrBroken) {
  EXPECT_THROW(Tokenizer::load("/no/such/folder"), Error);
  const auto path = std::filesystem::path(testing::TempDir()) / "broken_tokenizer.json";
  std::ofstream(path) << "{\"model\": ";
  try {
    Tokenizer::load(path);
    ADD_FAILURE() << "broken JSON was accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("the file is no JSON"));
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace golong
