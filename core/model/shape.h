// What config.json says of a model. Needs no LibTorch, so that its readers can be fuzzed.
#pragma once
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace golong {

// Rotary position embeddings (rope_scaling of transformers 4, rope_parameters of 5).
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

// Layers whose MLP is a mixture of experts.
struct ExpertShape {
  int64_t count = 0;  // 0: none, all layers are dense
  int64_t per_token = 0;
  int64_t intermediate = 0;
  bool normalize = false;             // the probabilities of the chosen ones add up to 1
  int64_t every = 1;                  // only each so manieth layer
  std::vector<int64_t> dense_layers;  // and none of these

  bool in_layer(int64_t layer) const {
    return count > 0 && (layer + 1) % every == 0 &&
           std::find(dense_layers.begin(), dense_layers.end(), layer) == dense_layers.end();
  }
};

// config.json, as far as golong reads it.
struct ModelShape {
  std::string architecture;  // "Qwen3ForCausalLM"
  int64_t vocabulary = 0;
  int64_t hidden = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  int64_t intermediate = 0;
  int64_t max_positions = 0;
  RopeShape rope;
  double rms_norm_eps = 1e-6;
  bool tied = false;  // tie_word_embeddings
  bool attention_bias = false;
  bool mlp_bias = false;
  bool qk_norm = false;  // queries and keys are normalised
  ExpertShape experts;
  std::vector<int32_t> eos_token_ids;
  std::string json;  // config.json as it stands, written back on save
};

// Of a Hugging Face folder, or of a config.json itself. Throws Error that names file and key, what was found there and
// what is expected.
ModelShape read_shape(const std::filesystem::path& folder);

// Throws Error where the experts of a model cannot be shared out evenly over so many ranks (parallel.expert).
void check_expert_ranks(const ModelShape& shape, int64_t ranks);

}  // namespace golong
