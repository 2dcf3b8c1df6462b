// What config.json says of rotary position embeddings, in the forms of transformers 4 and 5.
#pragma once
#include "core/model/config_json.h"
#include "core/model/shape.h"

namespace golong {

// max_positions: of the model, where the file does not say which positions it was trained with. Throws Error for every
// kind that golong does not compute.
RopeShape read_rope(const ConfigJson& config, int64_t max_positions);

}  // namespace golong
