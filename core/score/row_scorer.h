// Scores rows of a dataset that hold their responses (column `response`): what `golong score` and golong.score() do.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/data/row.h"
#include "core/data/row_file.h"
#include "core/score/scorer.h"

namespace golong {

// One row of the input, as JSON.
struct ScoreLine {
  std::string json;
  std::string where;            // "rows.jsonl:17", for messages
  std::string unreadable = {};  // why there is no JSON: the file is damaged there. "": there is
};

// Row `index` of a file; what cannot be read becomes `unreadable`.
ScoreLine score_line(const RowFile& rows, size_t index);

struct ScoredResponse {
  Outcome outcome = Outcome::error;
  double score = 0;  // where outcome == scored
  std::string detail;
};

// What came out for one row. Where the row could not be read or routed, every response says why.
struct ScoredRow {
  std::string id = "null";             // column `id` as it stands in the row (JSON)
  std::string task;                    // "" where the row could not be routed
  std::string reward;                  // likewise
  std::vector<ScoredResponse> scores;  // one for each response
  bool is_list = false;                // column `response` is a list

  bool all_scored() const;

  // {id, task, reward, score, outcome, detail} in one line without an end; score, outcome and detail are lists where
  // `response` is one; score is null unless scored.
  std::string to_json() const;
};

class RowScorer {
 public:
  RowScorer(const Config& config, std::shared_ptr<const plugin::Registry> registry);

  // Never throws for one row: a row that cannot be read is an error, one that cannot be routed is unscorable (except
  // for responses that the gate stops and for a longbench_pro row with an empty list of gold items, which score 0: the
  // published code looks at these first).
  // Throws Error as Scorer::score does. May be called from several threads.
  std::vector<ScoredRow> score(std::span<const ScoreLine> lines) const;

 private:
  struct Item;
  Item read(const ScoreLine& line) const;

  Config config_;
  Router router_;
  Scorer scorer_;
};

}  // namespace golong
