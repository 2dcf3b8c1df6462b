// The checks of each kind of plugin, by name. A check throws Error with the problem. See check.h.
#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/plugin/registry.h"

namespace golong::plugin {

using Check = std::pair<std::string, std::function<void(const Plugin&)>>;

const std::vector<Check>& reward_checks();
const std::vector<Check>& task_checks();
const std::vector<Check>& normalizer_checks();

}  // namespace golong::plugin
