// Rotary position embeddings as config.json describes them (rope_scaling of transformers 4, rope_parameters of 5).
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace golong {

struct RopeShape {
  std::string type = "default";  // "default", "linear", "yarn", "llama3"
  double theta = 1e4;
  double factor = 1;
  double original_positions = 0;         // that the model was trained with: yarn, llama3
  double attention_factor = 1;           // yarn: what cos and sin are multiplied by
  double beta_fast = 32, beta_slow = 1;  // yarn: turns over the original positions where the ramp begins and ends
  bool truncate = true;                  // yarn: the ramp begins and ends at whole dimensions
  double low_frequency = 1, high_frequency = 4;  // llama3: original positions in one wave
};

// Angle that each pair of dimensions turns for one position: [head_dim / 2], float32, step by step as transformers
// computes it, so that both have the same bits.
at::Tensor rope_frequencies(const RopeShape& rope, int64_t head_dim);

}  // namespace golong
