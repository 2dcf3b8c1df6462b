// Retrieval with a calculation (paper C.5): the named documents must be the gold ones and the answer must be right.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "plugins/rewards/math_verify/math_score.h"

namespace golong::plugins::math {

// What stands between the first <name> and the next </name>; nullopt where either is missing.
std::optional<std::string_view> tagged(std::string_view text, std::string_view name);

using Documents = std::set<std::string, std::less<>>;

// The documents <|doc_12|> that a text names.
Documents document_ids(std::string_view text);

// The gold of one row, read once. Read only afterwards: thread-safe.
class RetrievalGold {
 public:
  // Throws Unscorable where the row has no label or no list of documents.
  RetrievalGold(const sdk::Gold& gold, Mode mode);

  // 1 where what follows </think> names exactly the gold documents, at least one, and reasons to the gold answer.
  // Throws Interrupted where `cancelled` says so.
  double score(const sdk::Response& response, const Stop& cancelled) const;

 private:
  MathGold answer_;
  Documents documents_;
};

}  // namespace golong::plugins::math
