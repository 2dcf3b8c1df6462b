// Llama 2 and 3, dense.
#include "core/model/config_json.h"
#include "core/model/family.h"

namespace golong {
namespace {

void read_llama(const ConfigJson& config, ModelShape& shape) {
  shape.head_dim = read_head_dim(config, shape);
  shape.mlp_bias = config.boolean("mlp_bias", false);
}

}  // namespace

const Family llama_family{"LlamaForCausalLM", read_llama};

}  // namespace golong
