// A causal language model: its shape, its parameters, and the two ways to run it (packed groups for training, cached
// steps for generation). Read from and written to a Hugging Face folder.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/model/shape.h"
#include "core/model/weight_files.h"
#include "core/nn/attention.h"
#include "core/parallel/group.h"

namespace golong {

// How the layers attend; chosen by the caller of forward.
class Attention {
 public:
  virtual ~Attention() = default;

  // q [T, H, D], k and v [T, Hkv, D] after norm and RoPE -> [T, H, D]. Called once a layer, in order; of a layer that
  // is recomputed a second time in the backward pass.
  virtual at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            double scale) = 0;

  // The keys and values of a layer that is done, with their gradients. Once a layer, in order, recomputed or not.
  virtual void keep(int64_t /*layer*/, const at::Tensor& /*k*/, const at::Tensor& /*v*/) {}

  // One that attends the same way in the backward pass, when this one may be gone. Only those that train have it.
  virtual std::shared_ptr<Attention> again() const;
};

// Training: packed groups, with gradients.
class GroupAttention : public Attention {
 public:
  explicit GroupAttention(std::vector<nn::GroupLayout> groups) : groups_(std::move(groups)) {}
  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    double scale) override;
  std::shared_ptr<Attention> again() const override { return std::make_shared<GroupAttention>(*this); }

 private:
  std::vector<nn::GroupLayout> groups_;
};

class LayerWeights;

class Model {
 public:
  virtual ~Model() = default;

  const ModelShape& shape() const { return shape_; }
  at::ScalarType dtype() const { return dtype_; }
  at::Device device() const { return device_; }
  // Keep the experts of each layer among them: rank r of N those from r*E/N up to (r+1)*E/N of E. They run each forward
  // and backward pass together, each over its own tokens, of which there may be none. Alone: all experts are here.
  const parallel::Group& expert_ranks() const { return expert_ranks_; }

  // Parameters by their Hugging Face names, in a fixed order; no lm_head where it is tied, and no experts that another
  // rank keeps. The same tensors that the
  // forward uses: an optimizer that updates them in place changes what the next rollout generates.
  virtual const std::vector<std::pair<std::string, at::Tensor>>& parameters() const = 0;

  // token_ids [T] int64, positions [T] int64 -> last hidden states [T, hidden], after the final norm. Where gradients
  // are on the first `recomputed` layers keep nothing but their input [T, hidden], and run again in the backward pass:
  // the model lives until then. The gradients are the same, bit for bit; those of parameters are added to their .grad.
  // Of ranks that share experts all recompute as many layers as the one that asks for most.
  virtual at::Tensor hidden(const at::Tensor& token_ids, const at::Tensor& positions, Attention& attention,
                            int64_t recomputed = 0) const = 0;

  // [vocabulary, hidden]
  virtual const at::Tensor& head() const = 0;

  // Who is called around each pass through a layer; nullptr: nobody. It lives as long as passes are run.
  void set_layer_weights(LayerWeights* weights) { layer_weights_ = weights; }

 protected:
  LayerWeights* layer_weights_ = nullptr;
  ModelShape shape_;
  at::ScalarType dtype_ = at::kFloat;
  at::Device device_ = at::kCPU;
  parallel::Group expert_ranks_;
};

// Whether a parameter is an expert's, by its name.
bool is_of_expert(const std::string& name);

// Opens a Hugging Face folder (config.json, model.safetensors or shards). Throws Error that lists wrong or missing
// tensors by name with expected and found shape, and one that names parallel.expert where the ranks of `experts` cannot
// share out the experts evenly. Memory: the weights in `dtype`, without experts that other ranks keep, and one tensor
// as it is stored.
std::unique_ptr<Model> load_model(const std::filesystem::path& folder, at::ScalarType dtype, at::Device device,
                                  const parallel::Group& experts = {});

// Whether the folder has weights; one with config.json alone describes a model.
bool has_weights(const std::filesystem::path& folder);

// Makes a model with fresh weights (normal, 0.02, residual projections scaled by 1/sqrt(2*layers); norms 1), drawn on
// the device from the seed; the same on any number of ranks.
std::unique_ptr<Model> make_model(const ModelShape& shape, at::ScalarType dtype, at::Device device, uint64_t seed,
                                  const parallel::Group& experts = {});

// Writes config.json and the weights in `dtype` (write_weights) into `folder`, and copies the tokenizer files of
// `source` if given. All experts are here.
void save_model(const Model& model, const std::filesystem::path& folder, at::ScalarType dtype,
                const std::filesystem::path& source = {}, int64_t shard_bytes = shard_bytes_of_hub);

// The same from named weights and the text of a config.json, whose dtype is set.
void write_model_folder(const std::filesystem::path& folder, const NamedTensors& weights, at::ScalarType dtype,
                        const std::string& config_json, const std::filesystem::path& source,
                        int64_t shard_bytes = shard_bytes_of_hub);

}  // namespace golong
