#include "core/text/fast_split.h"

#include <gtest/gtest.h>
#include <unicode/utf8.h>

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/base/random.h"
#include "core/text/pre_tokenizer.h"

namespace golong {
namespace {

namespace json = boost::json;

json::value pre_tokenizer_of(const std::string& number) {
  json::value root = json::parse(read_file(GOLONG_SOURCE_DIR "/tests/data/tokenizer/tokenizer.json"));
  json::value value = root.at("pre_tokenizer");
  json::string& regex = value.at("pretokenizers").at(0).as_object()["pattern"].as_object()["Regex"].as_string();
  regex.replace(regex.find("|\\p{N}|"), 7, "|" + number + "|");
  return value;
}

std::vector<std::string> words(const PreTokenizer& splitter, const std::string& text) {
  std::vector<std::string> found;
  splitter.split(text, [&](std::string_view word) { found.emplace_back(word); });
  return found;
}

void append(std::string& text, uint64_t point) {
  char bytes[4];
  int32_t size = 0;
  U8_APPEND_UNSAFE(bytes, size, static_cast<UChar32>(point));
  text.append(bytes, static_cast<size_t>(size));
}

// Pieces that meet at the edges of the pattern's alternatives, and any character.
std::string random_text(RandomSequence& random) {
  static const std::vector<std::string> pieces = {" ",
                                                  "  ",
                                                  "\n",
                                                  "\r",
                                                  "\r\n",
                                                  "\t",
                                                  "\xc2\xa0",
                                                  "\xe3\x80\x80",
                                                  "\x0b",
                                                  "\x1c",
                                                  "\xc2\x85",
                                                  "a",
                                                  "Bc",
                                                  "'s",
                                                  "'S",
                                                  "'\xc5\xbf",
                                                  "'re",
                                                  "'Ve",
                                                  "'l",
                                                  "'LL",
                                                  "'d",
                                                  "'",
                                                  "1",
                                                  "42",
                                                  "1234",
                                                  "\xc2\xb2",
                                                  "\xd9\xa3",
                                                  "\xe2\x85\xa7",
                                                  ".",
                                                  "!?",
                                                  "=",
                                                  "_",
                                                  "\xe4\xb8\xad",
                                                  "\xf0\x9f\x98\x80",
                                                  "\xf0\xa0\x80\x80",
                                                  "\xf0\x9d\x9f\x98",
                                                  "\xcc\x81",
                                                  "\xe2\x80\x8d",
                                                  "\xe2\x80\x8b"};
  std::string text;
  for (uint64_t i = random.below(14); i > 0; --i) {
    if (random.below(8) > 0) {
      text += pieces[random.below(pieces.size())];
    } else {
      const uint64_t point = random.below(0xd800);
      append(text, point);
    }
  }
  return text;
}

TEST(FastSplit, CutsAsTheRegularExpression) {
  for (const char* number : {"\\p{N}", "\\p{N}{1,3}"}) {
    const json::value value = pre_tokenizer_of(number);
    const PreTokenizer fast(value), slow(value, false);
    RandomSequence random(random_key({7}));
    for (int i = 0; i < 20000; ++i) {
      const std::string text = random_text(random);
      ASSERT_EQ(words(fast, text), words(slow, text)) << json::serialize(json::value(text));
    }
  }
}

// Each character of the Basic Multilingual Plane by itself and between letters, digits and spaces.
TEST(FastSplit, EveryCharacter) {
  const json::value value = pre_tokenizer_of("\\p{N}");
  const PreTokenizer fast(value), slow(value, false);
  std::string text;
  for (uint64_t point = 0; point < 0x10000; ++point) {
    if (point >= 0xd800 && point < 0xe000) continue;
    for (const char* before : {"a", " ", "1", "."}) {
      text += before;
      append(text, point);
    }
  }
  EXPECT_EQ(words(fast, text), words(slow, text));
}

TEST(FastSplit, KnowsItsPatternsOnly) {
  EXPECT_FALSE(FastSplit::of_pattern("").has_value());
  EXPECT_FALSE(FastSplit::of_pattern("\\s+").has_value());
  const json::value value = pre_tokenizer_of("\\p{N}");
  const std::string qwen(value.at("pretokenizers").at(0).at("pattern").at("Regex").as_string());
  EXPECT_TRUE(FastSplit::of_pattern(qwen).has_value());
  EXPECT_FALSE(FastSplit::of_pattern(qwen + "|x").has_value());
}

}  // namespace
}  // namespace golong
