// The answer finder, the LaTeX and plain readers and the comparison of math_verify, in both modes.
#include "plugins/rewards/math_verify/math_score.h"
#include "tests/fuzz/fuzz_input.h"

using namespace golong::plugins;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto [label, response] = golong::fuzz::first_line(data, size);
  for (Mode mode : {Mode::released, Mode::strict}) {
    math::MathGold gold(std::string(label), mode);
    for (std::string_view text : {response, label}) {
      double score = gold.score(text, text, [] { return false; });
      golong::fuzz::require(score == 0 || score == 1, "the score is 0 or 1");
    }
  }
  return 0;
}
