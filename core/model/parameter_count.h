// How many parameters a model has, from its shape alone. Needs no LibTorch.
#pragma once
#include <cstdint>

#include "core/model/shape.h"

namespace golong {

int64_t parameter_count(const ModelShape& shape);
int64_t layer_parameter_count(const ModelShape& shape, int64_t layer);

}  // namespace golong
