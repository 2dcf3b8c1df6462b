#include "core/text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
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

TEST(Tokenizer, IdsThatNoTokenHasAreLeftOut) {
  const std::string five = tokenizer()->decode(std::vector{5}, false);
  for (int32_t id : {-1, 2048, INT32_MAX, INT32_MIN}) {
    EXPECT_EQ(tokenizer()->decode(std::vector{5, id}, false), five) << id;
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

}  // namespace
}  // namespace golong
