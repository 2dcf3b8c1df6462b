// `golong plan CONFIG --devices 8xH100-80GB [--nodes N]`: a training on many ranks, computed.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "core/config/config.h"
#include "core/model/shape.h"

namespace golong {

struct ScaleOptions {
  std::string devices;  // "8xH100-80GB", of each node
  int64_t nodes = 1;
  int64_t prompt_tokens = 0, response_tokens = 0;  // usual lengths; 0: the longest that the config allows
  bool json = false;
};

// Prints the plan of the mesh of [parallel] where its product is the number of devices, else of the suggested one, and
// the suggestion. Returns whether what is shown fits. Throws Error that names the key where the model cannot run on the
// mesh.
bool print_scale_plan(const Config& config, const ModelShape& shape, const std::optional<ModelShape>& reference,
                      const ScaleOptions& options);

}  // namespace golong
