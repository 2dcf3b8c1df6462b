// Tensors in the safetensors format (safetensors_header.h).
#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
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

  // Takes what was read of the file out of the process's memory. Tensors stay valid: they are read again.
  void release() const { file_->release(); }

 private:
  std::shared_ptr<const MappedFile> file_;
  std::map<std::string, at::Tensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// Writes tensors (on any device, any strides) atomically, one after the other, in `dtype` or else in their own.
// Memory: one tensor more, where it is to be converted.
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {},
                       std::optional<at::ScalarType> dtype = {});

}  // namespace golong
