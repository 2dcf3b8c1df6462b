#include "plugins/rewards/em/exact_match.h"

#include "plugins/common/unicode.h"

namespace golong::plugins {

double exact_match(std::string_view label, std::string_view answer) { return strip(label) == strip(answer) ? 1 : 0; }

}  // namespace golong::plugins
