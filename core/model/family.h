// Model families by the name in config.json. Adding one is one file that defines a Family (llama.cpp), its line here
// and its name in family.cpp.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/model/model.h"

namespace golong {

// Gives the tensor of a parameter by its Hugging Face name and shape, in the model's dtype and on its device.
using ParameterSource = std::function<at::Tensor(const std::string& name, const std::vector<int64_t>& shape)>;

class ConfigJson;

struct Family {
  const char* architecture;  // "Qwen3ForCausalLM"
  // Fills what the family has of its own: head_dim and its default, at least. Throws Error.
  void (*read)(const ConfigJson& config, ModelShape& shape);
  std::unique_ptr<Model> (*make)(const ModelShape& shape, const ParameterSource& source);
};

// Throws Error with the known architectures.
const Family& find_family(const std::string& architecture);

extern const Family llama_family;
extern const Family qwen3_family;
extern const Family qwen3_moe_family;

}  // namespace golong
