// Qwen3, dense: queries and keys are normalised before they are turned.
#include "core/model/config_json.h"
#include "core/model/family.h"

namespace golong {
namespace {

void read_qwen3(const ConfigJson& config, ModelShape& shape) {
  shape.head_dim =
      config.integer("head_dim", 128, most_head_dim);  // what transformers takes where the file says nothing
  shape.qk_norm = true;
}

}  // namespace

const Family qwen3_family{"Qwen3ForCausalLM", read_qwen3};

}  // namespace golong
