// The weights of a Hugging Face folder: model.safetensors, or shards and model.safetensors.index.json. Other tensors by
// name, an optimizer's say, are stored likewise under another stem than "model".
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/safetensors.h"

namespace golong {

// Weights to be taken one by one. All files are mapped and their headers checked when it is made; nothing else is read.
class StoredWeights {
 public:
  // Throws Error that names file and tensor.
  explicit StoredWeights(const std::filesystem::path& folder, const std::string& stem = "model");

  // As they are stored: views of the files.
  const std::map<std::string, at::Tensor>& tensors() const { return tensors_; }

  // A copy of a tensor that is there. The pages of its file leave the process's memory when it is made, so that loading
  // a model takes the memory of its weights and of one stored tensor.
  at::Tensor copy(const std::string& name, at::ScalarType dtype, at::Device device) const;

 private:
  void add(const std::filesystem::path& path);
  void add_shards(const std::filesystem::path& index);

  std::vector<SafetensorsFile> files_;
  std::map<std::string, at::Tensor> tensors_;
  std::map<std::string, size_t> file_of_;  // index into files_
};

// The size that Hugging Face gives the files of big models.
constexpr int64_t shard_bytes_of_hub = 5'000'000'000;

// Writes the weights in `dtype`, or else each in its own: as STEM.safetensors, or, where they are more than
// `shard_bytes`, as shards of at most that size (a larger tensor stands alone) with their index. Files of earlier
// weights of this stem in the folder are removed when the new ones are complete. Memory: one tensor more, where it is
// to be converted.
void write_weights(const std::filesystem::path& folder, const NamedTensors& weights,
                   std::optional<at::ScalarType> dtype, int64_t shard_bytes = shard_bytes_of_hub,
                   const std::string& stem = "model");

}  // namespace golong
