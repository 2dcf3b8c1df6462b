// What is known of a model before its weights are read or made.
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>

#include "core/model/shape.h"
#include "core/model/weight_files.h"
#include "core/parallel/group.h"

namespace golong {

// Throws Error that lists what of the weights does not fit the shape, experts that other ranks keep included. Reads
// none of them.
void check_weights(const ModelShape& shape, const StoredWeights& weights, const std::filesystem::path& folder);

// Throws Error where the weights alone, without experts that other ranks of `experts` keep, are more than the machine's
// memory.
void check_memory(const ModelShape& shape, at::ScalarType dtype, at::Device device,
                  const parallel::Group& experts = {});

}  // namespace golong
