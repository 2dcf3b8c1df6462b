// Model families by the name in config.json. Adding one is one file that defines a Family (llama.cpp), its line here
// and its name in family.cpp. What they make of their config is a ModelShape, which says all that make_decoder
// (decoder.h) has to know. Needs no LibTorch.
#pragma once
#include <string>

#include "core/model/shape.h"

namespace golong {

class ConfigJson;

struct Family {
  const char* architecture;  // "Qwen3ForCausalLM"
  // Fills what the family has of its own: head_dim and its default, at least. Throws Error.
  void (*read)(const ConfigJson& config, ModelShape& shape);
};

// Throws Error with the known architectures; `file` is the config.json that names the one that is looked for.
const Family& find_family(const std::string& architecture, const std::string& file = "config.json");

// head_dim where the file may leave it out: then it is hidden / heads. Throws Error where these do not divide.
constexpr int64_t most_head_dim = 65536;
int64_t read_head_dim(const ConfigJson& config, const ModelShape& shape);

extern const Family llama_family;
extern const Family qwen3_family;
extern const Family qwen3_moe_family;

}  // namespace golong
