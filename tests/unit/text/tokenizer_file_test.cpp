// Files that are tokenizers in another way, and files that are none: each error names the file and the part of it.
#include "core/text/tokenizer_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/text/tokenizer.h"

namespace golong {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using Ids = std::vector<int32_t>;

const std::string folder = GOLONG_SOURCE_DIR "/tests/data/tokenizer";

json::array cases(const std::string& name) { return json::parse(read_file(folder + "/" + name)).as_array(); }

Ids ids_of(const json::value& value) { return json::value_to<Ids>(value); }

json::object step(const char* type) { return {{"type", type}}; }

json::object sequence(const char* key, const std::vector<const char*>& types) {
  json::array steps;
  for (const char* type : types) steps.emplace_back(step(type));
  return {{"type", "Sequence"}, {key, steps}};
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

void expect_the_same_ids(const Tokenizer& changed) {
  for (const json::value& value : cases("encode_cases.json")) {
    const Ids ids = ids_of(value.at("ids"));
    EXPECT_EQ(changed.encode(std::string(value.at("text").as_string())), ids);
    EXPECT_EQ(changed.decode(ids, true), value.at("shown").as_string());
  }
}

TEST_F(ChangedFile, MergesAsStringsAreTheSame) {
  const auto changed = load([](json::object& root) {
    for (json::value& merge : model(root)["merges"].as_array()) {
      const json::array pair = merge.as_array();
      merge = std::string(pair[0].as_string()) + " " + std::string(pair[1].as_string());
    }
  });
  expect_the_same_ids(*changed);
  EXPECT_NE(changed->fingerprint(), Tokenizer::load(folder)->fingerprint());
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

TEST_F(ChangedFile, AddedTokensKeepTheirIds) {
  const auto changed =
      load([](json::object& root) { root["added_tokens"].as_array().push_back(added(5000, "<x>", "special")); });
  EXPECT_EQ(changed->encode("<x>"), Ids{5000});
  EXPECT_EQ(changed->vocabulary_size(), 5001);
  EXPECT_EQ(changed->decode(Ids{5000}, false), "<x>");
  EXPECT_EQ(changed->decode(Ids{3000}, false), "");  // between
}

// What such a file says beside, where each byte has its token.
TEST_F(ChangedFile, WhatChangesNothing) {
  const std::pair<const char*, Change> harmless[] = {
      {"unknown tokens",
       [](json::object& root) {
         for (const char* key : {"byte_fallback", "fuse_unk"}) model(root)[key] = true;
         model(root)["unk_token"] = "a";
       }},
      {"options that are off",
       [](json::object& root) {
         for (const char* key : {"dropout", "ignore_merges", "unk_token"}) model(root)[key] = nullptr;
         for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) model(root)[key] = "";
       }},
      {"no dropout", [](json::object& root) { model(root)["dropout"] = 0.0; }},
      {"no type", [](json::object& root) { model(root).erase("type"); }},
      {"post-processor", [](json::object& root) { root["post_processor"] = step("TemplateProcessing"); }},
      {"truncation",
       [](json::object& root) {
         root["truncation"] = {{"max_length", 3}};
       }},
      {"padding",
       [](json::object& root) {
         root["padding"] = {{"pad_id", 0}};
       }},
      {"decoder", [](json::object& root) { root["decoder"] = sequence("decoders", {"ByteLevel"}); }},
      {"Fuse",
       [](json::object& root) {
         root["decoder"] = sequence("decoders", {"ByteLevel", "Fuse", "Fuse"});
       }},
      {"normalizer",
       [](json::object& root) {
         root["normalizer"] = sequence("normalizers", {"NFD", "NFC"});
       }},
      {"Isolated, inverted",
       [](json::object& root) {
         root["pre_tokenizer"].as_object()["pretokenizers"].as_array()[0].as_object()["invert"] = true;
       }},
  };
  for (const auto& [what, change] : harmless) {
    SCOPED_TRACE(what);
    expect_the_same_ids(*load(change));
  }
}

TEST_F(ChangedFile, StepsThatAreNotSupportedAreNamed) {
  for (const char* type : {"Lowercase", "Replace", "Prepend", "Strip", "StripAccents", "Nmt", "Precompiled",
                           "BertNormalizer", "ByteLevel"}) {
    const auto named = HasSubstr(std::string("normalizer ") + type + " is not supported");
    EXPECT_THAT(error([&](json::object& root) { root["normalizer"] = step(type); }), named);
    EXPECT_THAT(error([&](json::object& root) { root["normalizer"] = sequence("normalizers", {"NFC", type}); }), named);
  }
  for (const char* type : {"Metaspace", "Whitespace", "WhitespaceSplit", "Digits", "Punctuation", "BertPreTokenizer",
                           "CharDelimiterSplit", "UnicodeScripts"}) {
    const auto named = HasSubstr(std::string("pre_tokenizer ") + type + " is not supported");
    EXPECT_THAT(error([&](json::object& root) { root["pre_tokenizer"] = step(type); }), named);
    EXPECT_THAT(error([&](json::object& root) {
                  root["pre_tokenizer"] = sequence("pretokenizers", {"ByteLevel", type});
                }),
                named);
  }
  for (const char* type : {"Unigram", "WordPiece", "WordLevel"}) {
    EXPECT_THAT(error([&](json::object& root) { model(root)["type"] = type; }),
                HasSubstr(std::string("model.type is \"") + type + "\", only \"BPE\" is supported"));
  }
  for (const char* type : {"WordPiece", "Metaspace", "BPEDecoder", "CTC", "ByteFallback", "Replace", "Strip", "Fuse"}) {
    EXPECT_THAT(error([&](json::object& root) { root["decoder"] = step(type); }),
                HasSubstr(std::string("decoder is \"") + type + "\", only \"ByteLevel\" is supported"));
    EXPECT_THAT(error([&](json::object& root) {
                  root["decoder"] = sequence("decoders", {type, "ByteLevel"});
                }),
                HasSubstr(std::string("decoder is a Sequence with the step \"") + type + "\""));
  }
}

TEST_F(ChangedFile, WhatIsNotSupportedIsNamed) {
  const std::pair<Change, const char*> wrong[] = {
      {[](json::object& root) { model(root)["type"] = "Unigram"; }, "model.type is \"Unigram\", only \"BPE\""},
      {[](json::object& root) { model(root)["dropout"] = 0.1; }, "model.dropout"},
      {[](json::object& root) { model(root)["end_of_word_suffix"] = "</w>"; }, "model.end_of_word_suffix"},
      {[](json::object& root) { root["normalizer"] = step("Lowercase"); }, "normalizer Lowercase"},
      {[](json::object& root) { root["pre_tokenizer"] = step("Metaspace"); }, "pre_tokenizer Metaspace"},
      {[](json::object& root) { root["pre_tokenizer"] = nullptr; }, "no step ByteLevel"},
      {[](json::object& root) { root["decoder"] = step("WordPiece"); }, "decoder is \"WordPiece\""},
      {[](json::object& root) {
         root["decoder"] = sequence("decoders", {"ByteLevel", "ByteLevel"});
       },
       "decoder is a Sequence with the step \"ByteLevel\", only \"Fuse\""},
      {[](json::object& root) { root["decoder"] = sequence("decoders", {}); }, "decoder is a Sequence without a step"},
      {[](json::object& root) { root["decoder"] = step("Sequence"); }, "decoder of type Sequence has no list decoders"},
      {[](json::object& root) { root["decoder"] = nullptr; }, "decoder is missing"},
      {[](json::object& root) { root["decoder"] = 3; }, "decoder is 3, expected an object with a type"},
      {[](json::object& root) { root["normalizer"] = "NFC"; }, "normalizer is \"NFC\", expected an object with a type"},
  };
  for (const auto& [change, message] : wrong) EXPECT_THAT(error(change), HasSubstr(message));
}

TEST_F(ChangedFile, WrongTypesAndIdsAreNamed) {
  const std::pair<Change, const char*> wrong[] = {
      {[](json::object& root) { root["model"] = json::array(); }, "model is no object"},
      {[](json::object& root) { model(root)["vocab"] = json::array(); }, "model.vocab is no object"},
      {[](json::object& root) { model(root)["merges"] = "a b"; }, "model.merges is no list"},
      {[](json::object& root) { model(root)["ignore_merges"] = "yes"; }, "model has ignore_merges = \"yes\""},
      {[](json::object& root) { model(root)["continuing_subword_prefix"] = "##"; }, "model.continuing_subword_prefix"},
      {[](json::object& root) { root["added_tokens"] = 1; }, "added_tokens is no list"},
      {[](json::object& root) { root["added_tokens"].as_array()[1] = "x"; }, "added_tokens[1] has no string content"},
      {[](json::object& root) { root["added_tokens"].as_array()[0].as_object().erase("id"); },
       "added token <|endoftext|> has no key id"},
      {[](json::object& root) { root["added_tokens"].as_array()[0].as_object()["lstrip"] = 1; },
       "added token <|endoftext|> has lstrip = 1, expected true or false"},
      {[](json::object& root) { root["added_tokens"].as_array()[0].as_object()["id"] = -1; }, "has the id -1"},
      {[](json::object& root) { root["added_tokens"].as_array()[0].as_object()["id"] = 2044; },
       "added token <|im_start|> has the id 2044, which is another token's"},
      {[](json::object& root) { model(root)["vocab"].as_object()["a"] = 3000000000; }, "has the id 3000000000"},
      {[](json::object& root) { model(root)["vocab"].as_object()["a"] = UINT64_MAX; },
       "has the id 18446744073709551615"},
      {[](json::object& root) { model(root)["vocab"].as_object()["a"] = 5.0; }, "has the id 5E0"},
      {[](json::object& root) { model(root)["vocab"].as_object()["a"] = "5"; }, "has the id \"5\""},
      {[](json::object& root) { model(root)["vocab"].as_object()["a"] = nullptr; }, "has the id null"},
      {[](json::object& root) {
         model(root)["merges"].as_array()[2] = json::array{"a", 3};
       },
       "model.merges[2] is [\"a\",3]"},
      {[](json::object& root) { model(root)["merges"].as_array().push_back("q Q"); }, "needs the token qQ"},
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

class RawFile : public testing::Test {
 protected:
  std::string error(const std::string& contents) {
    std::ofstream(path_, std::ios::binary) << contents;
    try {
      Tokenizer::load(path_);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(path_.string()));
      return error.what();
    }
    return "no error";
  }
  void TearDown() override { std::filesystem::remove(path_); }

  const std::string good_ = read_file(folder + "/tokenizer.json");
  const std::filesystem::path path_ = std::filesystem::path(testing::TempDir()) / "raw_tokenizer.json";
};

TEST_F(RawFile, MissingOrBroken) {
  EXPECT_THROW(Tokenizer::load("/no/such/folder"), Error);
  const std::string all = std::to_string(good_.size());
  EXPECT_THAT(error(""), HasSubstr("the file is no JSON: incomplete JSON at byte 0 of 0"));
  EXPECT_THAT(error("{\"model\": "), HasSubstr("the file is no JSON: incomplete JSON"));
  EXPECT_THAT(error(good_.substr(0, good_.size() / 2)), HasSubstr("the file is no JSON: incomplete JSON"));
  EXPECT_THAT(error("{\"model\": x}"), HasSubstr("the file is no JSON: syntax error at byte 10 of 12"));
  EXPECT_THAT(error(good_ + "}"), HasSubstr("the file is no JSON: extra data at byte"));
  EXPECT_THAT(error("{\"a\": \"\xff\"}"), HasSubstr("the file is no JSON"));
  EXPECT_THAT(error("{\"a\": \"\\ud800\"}"), HasSubstr("the file is no JSON"));
  EXPECT_THAT(error(std::string(100000, '[')), HasSubstr("the file is no JSON: too deep"));
  EXPECT_THAT(error("[]"), HasSubstr("the file holds no object"));
}

TEST_F(RawFile, AByteOrderMarkIsPassedOver) {
  EXPECT_EQ(error("\xef\xbb\xbf" + good_ + "\r\n"), "no error");
  EXPECT_EQ(Tokenizer::load(path_)->encode("Hello <|im_end|>"), Tokenizer::load(folder)->encode("Hello <|im_end|>"));
}

}  // namespace
}  // namespace golong
