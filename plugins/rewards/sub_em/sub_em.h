// SubEM (paper C.3): the share of gold items, duplicates counted, that stand as a line of their own in the answer.
#pragma once
#include "plugins/common/item_index.h"

namespace golong::plugins {

// Items are normalised (answer_lines.h).
double sub_em_score(const ItemList& gold, const ItemList& predicted);

}  // namespace golong::plugins
