// The reward of numerical answers (paper C.7): 1 where the answer found in a text means the gold answer, else 0.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "golong/plugin.hpp"
#include "plugins/common/mode.h"
#include "plugins/rewards/math_verify/extract.h"

namespace golong::plugins::math {

using Stop = std::function<bool()>;  // asked now and then: whether the call is to end

// The label of a row. Throws Unscorable where it has none.
std::string label_of(const sdk::Gold& gold);

// The gold answer, read once. Read only afterwards: thread-safe.
class MathGold {
 public:
  MathGold(std::string label, Mode mode);

  // released: of `text` the last 500 characters are looked at. strict: of `answer` all that can matter.
  // Throws Interrupted where `cancelled` says so.
  double score(std::string_view text, std::string_view answer, const Stop& cancelled) const;

  // How the gold was understood and what was found, for the log.
  bool readable() const { return gold_.value != nullptr; }

 private:
  double released(std::string_view text, const Stop& cancelled) const;
  double strict(std::string_view answer, const Stop& cancelled) const;
  bool matches(std::string_view text, const Stop& cancelled) const;  // of strict

  std::string label_;
  Mode mode_;
  Extracted gold_;
};

}  // namespace golong::plugins::math
