// Texts that take quadratic time where something is done carelessly: 16 times the text may take far less than 256 times
// as long. Ids are compared with the package in tests/long; here the text must come back.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/base/file.h"
#include "core/text/tokenizer.h"

namespace golong {
namespace {

namespace json = boost::json;

const std::string file = GOLONG_SOURCE_DIR "/tests/data/tokenizer/tokenizer.json";

// The tests' tokenizer with `normalizer` (a type), cut into words as Qwen does or as ByteLevel does, which takes
// another way; and with tokens that take the spaces around them.
std::shared_ptr<const Tokenizer> make(const char* normalizer, bool byte_level) {
  json::object root = json::parse(read_file(file)).as_object();
  root["normalizer"] = {{"type", normalizer}};
  if (byte_level) root["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  json::array& added = root["added_tokens"].as_array();
  for (int i = 0; i < 1000; ++i) {
    added.push_back({{"id", 2048 + i}, {"content", "<" + std::to_string(i) + ">"}, {"lstrip", true}, {"rstrip", true}});
  }
  added.push_back({{"id", 3048}, {"content", "\n"}, {"lstrip", true}, {"rstrip", true}});
  const auto path = std::filesystem::path(testing::TempDir()) / "linear_time.json";
  write_file_atomic(path, json::serialize(root));
  const auto tokenizer = Tokenizer::load(path);
  std::filesystem::remove(path);
  return tokenizer;
}

std::string repeated(const std::string& part, size_t size) {
  std::string text;
  while (text.size() < size) text += part;
  return text;
}

std::string long_word(size_t size) {
  std::string word;
  for (size_t i = 0; i < size; ++i) word += static_cast<char>('a' + i * i % 23);
  return word;
}

double seconds(const Tokenizer& tokenizer, const std::string& text, bool same) {
  const auto start = std::chrono::steady_clock::now();
  const auto ids = tokenizer.encode(text);
  const std::string back = tokenizer.decode(ids, false);
  const double taken = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_FALSE(ids.empty());
  if (same) {
    EXPECT_EQ(back, text);
  }
  return taken;
}

void expect_linear(const Tokenizer& tokenizer, const std::string& part, bool same) {
  constexpr size_t small = 1 << 15;
  const double one = seconds(tokenizer, repeated(part, small), same);
  EXPECT_LT(seconds(tokenizer, repeated(part, 16 * small), same), 100 * one + 0.5) << "text of " << part;
}

TEST(LinearTime, EncodingAndDecoding) {
  for (const bool byte_level : {false, true}) {
    const auto tokenizer = make("NFC", byte_level);
    for (const char* part :
         {"a", " ", "7", "=", "<", "<1", "'s", "\xe5\xad\x97", "\xcc\x81", "\xe1\x84\x80\xe1\x85\xa1"}) {
      expect_linear(*tokenizer, part, std::string(part) != "\xe1\x84\x80\xe1\x85\xa1");
    }
    for (const char* part : {"a\n", "\n", " \n", "<1> ", "  <1>  <2>"}) expect_linear(*tokenizer, part, false);
    const double one = seconds(*tokenizer, long_word(1 << 15), true);
    EXPECT_LT(seconds(*tokenizer, long_word(1 << 19), true), 100 * one + 0.5);
  }
}

// U+0301 and U+0323, U+0F73 (which is two marks that change places), U+FF9E (a mark for NFKC and NFKD alone).
TEST(LinearTime, MarksThatChangePlaces) {
  for (const char* form : {"NFC", "NFD", "NFKC", "NFKD"}) {
    const auto tokenizer = make(form, false);
    for (const char* part : {"\xcc\x81\xcc\xa3", "\xe0\xbd\xb3", "\xef\xbe\x9e\xcc\x81"}) {
      expect_linear(*tokenizer, part, false);
    }
  }
}

}  // namespace
}  // namespace golong
