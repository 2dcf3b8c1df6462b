// Tensors of which several ranks saved a part each. A part is stored flattened under the tensor's name, the place of
// its first element and the tensor's size: "model.norm.weight@128:256", "x@0:3x5"; a whole tensor under its name alone.
// What was saved by one number of ranks is so read by any other.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/model/safetensors.h"

namespace golong {

// `part` of a tensor of `size`, from its element `offset` on, and the name that it is stored under: the tensor itself
// where it is all of it.
std::pair<std::string, at::Tensor> stored_part(const std::string& name, const at::Tensor& part, int64_t offset,
                                               const std::vector<int64_t>& size);

class Pieces {
 public:
  // Throws Error that names a part that cannot be one.
  explicit Pieces(const NamedTensors& stored);

  // Copies the elements from `offset` on into `to` [n], whatever parts they are stored in, converted to its type.
  // Throws Error that names the tensor where some are missing, or where it has another size than `size`.
  void read(const std::string& name, int64_t offset, const std::vector<int64_t>& size, const at::Tensor& to) const;

  // All of a tensor: the stored one where it is whole. Throws Error likewise.
  at::Tensor whole(const std::string& name) const;

  bool has(const std::string& name) const { return tensors_.contains(name); }
  std::vector<std::string> names() const;

 private:
  struct Stored {
    std::vector<int64_t> size;
    std::map<int64_t, at::Tensor> parts;  // by the place of their first element
  };
  const Stored& find(const std::string& name) const;

  std::map<std::string, Stored> tensors_;
};

}  // namespace golong
