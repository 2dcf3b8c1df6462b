// Qwen3 with experts (30B-A3B): as the dense one, but that most layers choose a few of many MLPs for each token.
#include "core/base/error.h"
#include "core/model/config_json.h"
#include "core/model/family.h"

namespace golong {
namespace {

void read_qwen3_moe(const ConfigJson& config, ModelShape& shape) {
  shape.qk_norm = true;
  shape.head_dim = read_head_dim(config, shape);
  ExpertShape& experts = shape.experts;
  experts.count = config.integer(config.find("num_experts") ? "num_experts" : "num_local_experts", 128, 10'000);
  experts.per_token = config.integer("num_experts_per_tok", 8);
  experts.intermediate = config.integer("moe_intermediate_size", 768);
  experts.normalize = config.boolean("norm_topk_prob", false);
  experts.every = config.integer("decoder_sparse_step", 1);
  experts.dense_layers = config.integers("mlp_only_layers");
  if (experts.per_token > experts.count) {
    fail(config.file(), ": num_experts_per_tok (", experts.per_token, ") must be at most num_experts (", experts.count,
         ")");
  }
}

}  // namespace

const Family qwen3_moe_family{"Qwen3MoeForCausalLM", read_qwen3_moe};

}  // namespace golong
