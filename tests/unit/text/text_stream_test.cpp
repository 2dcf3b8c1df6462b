#include "core/text/text_stream.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/text/utf8.h"

namespace golong {
namespace {

const std::string folder = GOLONG_SOURCE_DIR "/tests/data/tokenizer";

std::shared_ptr<const Tokenizer> tokenizer() {
  static const auto loaded = Tokenizer::load(folder);
  return loaded;
}

// Pieces of a stream that are whole characters each; together they are the text of all ids.
void expect_pieces(const std::vector<int32_t>& ids, bool skip) {
  TextStream stream(tokenizer(), skip);
  std::string text;
  for (int32_t id : ids) {
    const std::string piece = stream.push(id);
    ASSERT_TRUE(is_valid_utf8(piece)) << id;
    text += piece;
  }
  text += stream.finish();
  ASSERT_EQ(text, tokenizer()->decode(ids, skip)) << boost::json::value_from(ids);
}

// Ids of single bytes, the bytes of UTF-8 that begin characters or go on with them most of all, of words and of special
// tokens.
TEST(TextStream, RandomIds) {
  std::vector<int32_t> bytes;
  for (int byte = 0; byte < 256; ++byte) {
    const char hard[] = {'\xe0', '\xed', '\xf0', '\xf4', '\xc1', '\xe4', '\xb8', '\x80', '\x9f', '\xa0', '\xff', 'a'};
    for (const char c : {static_cast<char>(byte), hard[byte % 12], hard[byte % 12]}) {
      for (int32_t id = 0; id < 256; ++id) {
        if (tokenizer()->bytes(id, false) == std::string(1, c)) bytes.push_back(id);
      }
    }
  }
  ASSERT_EQ(bytes.size(), 3 * 256u);
  std::mt19937 random(3);
  const auto below = [&](size_t limit) { return random() % limit; };
  for (int i = 0; i < 20000; ++i) {
    std::vector<int32_t> ids(below(20));
    for (int32_t& id : ids) {
      id = below(4) > 0   ? bytes[below(bytes.size())]
           : below(4) > 0 ? static_cast<int32_t>(below(2048))
                          : static_cast<int32_t>(2043 + below(5));
    }
    expect_pieces(ids, i % 2 == 0);
  }
}

TEST(TextStream, RealTexts) {
  const auto cases = boost::json::parse(read_file(folder + "/encode_cases.json")).as_array();
  for (const auto& value : cases) {
    for (bool skip : {false, true}) expect_pieces(boost::json::value_to<std::vector<int32_t>>(value.at("ids")), skip);
  }
}

TEST(TextStream, ACharacterComesWhole) {
  const std::string smile = "\xf0\x9f\x98\x80";
  TextStream stream(tokenizer(), false);
  std::vector<std::string> pieces;
  for (char byte : smile) {
    for (int32_t id = 0; id < 256; ++id) {
      if (tokenizer()->bytes(id, false) == std::string(1, byte)) pieces.push_back(stream.push(id));
    }
  }
  EXPECT_EQ(pieces, (std::vector<std::string>{"", "", "", smile}));
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStream, AfterTheEndAndAfterWhatIsNoToken) {
  const int32_t begin = tokenizer()->encode_plain("\xf0\x9f\x98\x80").front();
  ASSERT_EQ(begun_character(tokenizer()->bytes(begin, false)), tokenizer()->bytes(begin, false).size());
  TextStream stream(tokenizer(), true);
  EXPECT_EQ(stream.push(begin), "");
  EXPECT_EQ(stream.push(2048), "");                                     // no token
  EXPECT_EQ(stream.push(tokenizer()->find("<|im_end|>").value()), "");  // skipped: the character may go on
  EXPECT_EQ(stream.finish(), "\xef\xbf\xbd");
  EXPECT_EQ(stream.finish(), "");
  EXPECT_EQ(stream.push(tokenizer()->encode("a").front()), "a");
}

}  // namespace
}  // namespace golong
