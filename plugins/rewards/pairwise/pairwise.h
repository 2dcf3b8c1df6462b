// Pairwise accuracy of an ordering (paper C.3): the share of pairs that stand in the right order.
#pragma once
#include "plugins/common/item_index.h"
#include "plugins/common/mode.h"

namespace golong::plugins {

// Counts pairs of gold items whose last occurrences in `predicted` stand in gold order. released: divided by the number
// of pairs of predicted lines, and 0 where that exceeds 1 (gold items that repeat). strict: divided by the number of
// pairs of gold items, so that leaving items out costs. Items are normalised (answer_lines.h). O(n log n).
double pairwise_score(const ItemList& gold, const ItemList& predicted, Mode mode);

}  // namespace golong::plugins
