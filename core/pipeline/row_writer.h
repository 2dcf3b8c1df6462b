// Rows in the released schema (paper B) as JSON lines.
#pragma once
#include <string>

#include "core/pipeline/task_maker.h"

namespace golong {

// The `ability` of a task: its name in the released data (paper A.2), else its id.
std::string ability_of(const std::string& task);

// One row: prompt = context, three empty lines, question, as one user turn.
std::string row_json(const std::string& id, const std::string& task, const std::string& document,
                     const MadeQuestion& question);

}  // namespace golong
