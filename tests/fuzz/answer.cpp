// How answers are read: the gate, the answer area and its lines, choice letters, tagged parts; and the metrics of
// lines.
#include "core/score/gate.h"
#include "plugins/common/answer_lines.h"
#include "plugins/common/unicode.h"
#include "plugins/rewards/accuracy/choice.h"
#include "plugins/rewards/f1/f1.h"
#include "plugins/rewards/math_verify/retrieval.h"
#include "plugins/rewards/ndcg/ndcg.h"
#include "plugins/rewards/pairwise/pairwise.h"
#include "plugins/rewards/sub_em/sub_em.h"
#include "tests/fuzz/fuzz_input.h"

using namespace golong::plugins;
using golong::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto [label, response] = golong::fuzz::first_line(data, size);
  const std::string reason = golong::gate(response);
  std::string_view answer = golong::answer_part(response);
  require(!reason.empty() || answer.size() + 8 <= response.size(), "what passes the gate has a </think>");
  choice_accuracy(label, answer);
  if (auto ids = math::tagged(answer, "relevant_doc_ids")) math::document_ids(*ids);
  require(length(last_code_points(response, 500)) <= 500, "at most 500 code points");
  require(strip(strip(response)) == strip(response), "stripping twice is stripping once");
  for (Mode mode : {Mode::released, Mode::strict}) {
    const Items right = read_lines(replace_all(label, ";", "\n"), true);
    const Items given = predicted_items(response, answer, mode);
    for (double score : {f1_score(right.list, given.list), ndcg_score(right.list, given.list),
                         pairwise_score(right.list, given.list, mode), sub_em_score(right.list, given.list)}) {
      require(score >= 0 && score <= 1 + 1e-12, "the score is a share");
    }
    const auto first = first_predicted_item(response, answer, mode);
    require(first.has_value() == !given.list.empty(), "there is a first item where there are items");
    require(!first || *first == given.list[0], "the first item is the first of all");
  }
  return 0;
}
