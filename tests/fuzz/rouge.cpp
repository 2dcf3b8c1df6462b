// ROUGE-L over English words and over Chinese ones, and the segmentation: its words are the text again.
#include "plugins/rewards/rouge_l/rouge.h"
#include "plugins/common/answer_lines.h"
#include "plugins/common/unicode.h"
#include "plugins/rewards/rouge_l/segmenter.h"
#include "tests/fuzz/fuzz_input.h"

using namespace golong::plugins;
using golong::fuzz::require;

namespace {

std::string words(std::string_view text, bool chinese) {
  static const Segmenter segmenter(GOLONG_DICTIONARY);
  std::string normal = normalize_item(text);
  if (!chinese) return normal;
  std::u32string points = to_code_points(normal), joined;
  std::string out;
  for (std::u32string_view word : segmenter.cut(points)) {
    require(!word.empty(), "no word is empty");
    joined += word;
    out += to_utf8(word) + " ";
  }
  require(joined == points, "the words are the text");
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto [reference, response] = golong::fuzz::first_line(data, size);
  for (bool chinese : {false, true}) {
    RougeReference gold(words(reference, chinese));
    const RougeText text(words(response, chinese));
    for (size_t limit : {size_t{0}, kPublishedCalls}) {
      bool ok = false;
      double score = gold.score(
          text, limit, [] { return false; }, ok);
      require(score >= 0 && score <= 1, "the score is a share");
    }
  }
  return 0;
}
