// F1 of the sets of gold and predicted items (paper C.3).
#pragma once
#include "plugins/common/item_index.h"

namespace golong::plugins {

// Items are normalised (answer_lines.h).
double f1_score(const ItemList& gold, const ItemList& predicted);

}  // namespace golong::plugins
