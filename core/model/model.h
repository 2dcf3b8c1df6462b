// A causal language model: its shape, its parameters, and the two ways to run it (packed groups for training, cached
// steps for generation). Read from and written to a Hugging Face folder.
#pragma once
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/model/rope.h"
#include "core/model/safetensors.h"
#include "core/nn/attention.h"

namespace golong {

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

ModelShape read_shape(const std::filesystem::path& folder);

// How one layer attends; chosen by the caller of forward. Called once a layer, in order.
// q [T, H, D], k and v [T, Hkv, D] after norm and RoPE -> [T, H, D].
class Attention {
 public:
  virtual ~Attention() = default;
  virtual at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            double scale) = 0;
};

// Training: packed groups, with gradients.
class GroupAttention : public Attention {
 public:
  explicit GroupAttention(std::vector<nn::GroupLayout> groups) : groups_(std::move(groups)) {}
  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    double scale) override;

 private:
  std::vector<nn::GroupLayout> groups_;
};

class Model {
 public:
  virtual ~Model() = default;

  const ModelShape& shape() const { return shape_; }
  at::ScalarType dtype() const { return dtype_; }
  at::Device device() const { return device_; }

  // Parameters by their Hugging Face names, in a fixed order; no lm_head where it is tied. The same tensors that the
  // forward uses: an optimizer that updates them in place changes what the next rollout generates.
  virtual const std::vector<std::pair<std::string, at::Tensor>>& parameters() const = 0;

  // token_ids [T] int64, positions [T] int64 -> last hidden states [T, hidden], after the final norm.
  virtual at::Tensor hidden(const at::Tensor& token_ids, const at::Tensor& positions, Attention& attention) const = 0;

  // [vocabulary, hidden]
  virtual const at::Tensor& head() const = 0;

 protected:
  ModelShape shape_;
  at::ScalarType dtype_ = at::kFloat;
  at::Device device_ = at::kCPU;
};

// Opens a Hugging Face folder (config.json, model.safetensors or shards). Throws Error that lists wrong or missing
// tensors by name with expected and found shape.
std::unique_ptr<Model> load_model(const std::filesystem::path& folder, at::ScalarType dtype, at::Device device);

// Makes a model with fresh weights (normal, 0.02, residual projections scaled by 1/sqrt(2*layers); norms 1), seeded.
std::unique_ptr<Model> make_model(const ModelShape& shape, at::ScalarType dtype, at::Device device, uint64_t seed);

// Writes config.json and model.safetensors in `dtype` into `folder`, and copies the tokenizer files of `source` if
// given.
void save_model(const Model& model, const std::filesystem::path& folder, at::ScalarType dtype,
                const std::filesystem::path& source = {});

// The same from named weights, all of one dtype, and the text of a config.json, whose dtype is set to theirs.
void write_model_folder(const std::filesystem::path& folder, const NamedTensors& weights,
                        const std::string& config_json, const std::filesystem::path& source);

}  // namespace golong
