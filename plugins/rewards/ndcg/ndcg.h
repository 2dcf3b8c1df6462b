// NDCG of a ranking against graded items (paper C.3; trec_eval's ndcg_cut at the number of gold items).
#pragma once
#include "plugins/common/item_index.h"

namespace golong::plugins {

// gold[i] has relevance |gold| - i; of duplicates the last counts, in gold and in the ranking. Items are normalised
// (answer_lines.h). O(n log n).
double ndcg_score(const ItemList& gold, const ItemList& ranking);

}  // namespace golong::plugins
