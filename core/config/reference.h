// docs/reference/config.md, generated from the schema (`golong config reference`).
#pragma once
#include <string>

namespace golong {

std::string config_reference();

}  // namespace golong
