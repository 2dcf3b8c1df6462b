// The safetensors format: an 8-byte header size, a JSON header {name: {dtype, shape, data_offsets}}, the data.
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/file.h"

namespace golong {

// A file opened by memory map. Tensors are views of the map and keep it alive; copy before writing to them.
// Throws Error that names the file and what is wrong with it (truncated, corrupt header, wrong offsets, unknown dtype).
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);
  const std::map<std::string, at::Tensor>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  std::map<std::string, at::Tensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// Writes tensors (on any device, any strides) atomically, one after the other.
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {});

// All tensors of a Hugging Face folder: model.safetensors, or the shards that model.safetensors.index.json lists.
std::map<std::string, at::Tensor> read_weights(const std::filesystem::path& folder);

}  // namespace golong
