// Model families by the name in config.json. Adding one is one file that defines a Model and a Family, and a line in
// family.cpp.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/model/model.h"

namespace golong {

// Gives the tensor of a parameter by its Hugging Face name and shape, in the model's dtype and on its device.
using ParameterSource = std::function<at::Tensor(const std::string& name, const std::vector<int64_t>& shape)>;

struct Family {
  const char* architecture;  // "Qwen3ForCausalLM"
  std::unique_ptr<Model> (*make)(const ModelShape& shape, const ParameterSource& source);
};

// Throws Error with the known architectures.
const Family& find_family(const std::string& architecture);

extern const Family qwen3_family;

}  // namespace golong
