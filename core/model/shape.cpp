// config.json of a Hugging Face folder, as transformers 4 and 5 write it.
#include "core/model/shape.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/model/config_json.h"
#include "core/model/family.h"
#include "core/model/rope_config.h"

namespace golong {
namespace {

namespace json = boost::json;

void add_ids(const ConfigJson& config, std::vector<int32_t>& ids) {
  const json::value* value = config.find("eos_token_id");
  if (!value) return;
  auto add = [&](const json::value& id) {
    boost::system::error_code error;
    int32_t number = id.to_number<int32_t>(error);
    if (error || number < 0) {
      config.refuse("eos_token_id", "a token id or a list of them");
    }
    if (std::find(ids.begin(), ids.end(), number) == ids.end()) ids.push_back(number);
  };
  if (value->is_array()) {
    for (const json::value& id : value->as_array()) add(id);
  } else {
    add(*value);
  }
}

// Refuses what would change the numbers and is not built: better no model than a wrong one.
void refuse_unsupported(const ConfigJson& config) {
  if (config.boolean("use_sliding_window", false)) {
    config.refuse("use_sliding_window", "false: sliding windows are not supported");
  }
  if (const json::value* types = config.find("layer_types")) {
    const std::string expected = "a list of \"full_attention\", the only kind of attention that is supported";
    if (!types->is_array()) config.refuse("layer_types", expected);
    for (const json::value& type : types->as_array()) {
      if (type != json::value("full_attention")) config.refuse("layer_types", expected);
    }
  }
  if (config.text("hidden_act", "silu") != "silu") config.refuse("hidden_act", "\"silu\", which alone is supported");
  if (config.find("quantization_config")) {
    fail(config.file(),
         ": quantized weights (quantization_config) are not supported; take the model in bfloat16 or float32");
  }
}

std::string architecture_of(const ConfigJson& config) {
  const json::value* names = config.find("architectures");
  if (!names || !names->is_array() || names->as_array().empty() || !names->as_array()[0].is_string()) {
    config.refuse("architectures", "a list with one name, such as [\"Qwen3ForCausalLM\"]");
  }
  return std::string(names->as_array()[0].as_string());
}

// What belongs together.
void check_heads(const ConfigJson& config, const ModelShape& shape) {
  if (shape.heads % shape.kv_heads != 0) {
    fail(config.file(), ": num_attention_heads (", shape.heads, ") must be a multiple of num_key_value_heads (",
         shape.kv_heads, ")");
  }
  if (shape.head_dim == 0 || shape.head_dim % 2 != 0) {
    fail(config.file(), ": head_dim must be even and positive, found ", shape.head_dim);
  }
}

}  // namespace

int64_t read_head_dim(const ConfigJson& config, const ModelShape& shape) {
  if (!config.find("head_dim") && shape.hidden % shape.heads != 0) {
    fail(config.file(), ": hidden_size (", shape.hidden, ") must be a multiple of num_attention_heads (", shape.heads,
         ") where there is no head_dim");
  }
  return config.integer("head_dim", shape.hidden / shape.heads, most_head_dim);
}

ModelShape read_shape(const std::filesystem::path& folder) {
  const std::filesystem::path path = std::filesystem::is_directory(folder) ? folder / "config.json" : folder;
  const ConfigJson config(path);
  ModelShape shape;
  shape.architecture = architecture_of(config);
  const Family& family = find_family(shape.architecture, path.string());
  refuse_unsupported(config);
  shape.vocabulary = config.integer("vocab_size");
  shape.hidden = config.integer("hidden_size");
  shape.layers = config.integer("num_hidden_layers", {}, 10'000);
  shape.heads = config.integer("num_attention_heads");
  shape.kv_heads = config.integer("num_key_value_heads", shape.heads);
  shape.intermediate = config.integer("intermediate_size");
  shape.max_positions = config.integer("max_position_embeddings", 32768);
  shape.rope = read_rope(config, shape.max_positions);
  if (shape.rope.type == "yarn" || shape.rope.type == "linear") {  // a model card's YaRN leaves the number as it was
    shape.max_positions =
        std::max(shape.max_positions, static_cast<int64_t>(shape.rope.factor * shape.rope.original_positions));
  }
  shape.rms_norm_eps = config.real("rms_norm_eps", 1e-6);
  shape.tied = config.boolean("tie_word_embeddings", false);
  shape.attention_bias = config.boolean("attention_bias", false);
  family.read(config, shape);
  check_heads(config, shape);
  add_ids(config, shape.eos_token_ids);
  const std::filesystem::path generation = path.parent_path() / "generation_config.json";
  if (std::filesystem::exists(generation)) add_ids(ConfigJson(generation), shape.eos_token_ids);
  shape.json = read_file(path);
  return shape;
}

void check_expert_ranks(const ModelShape& shape, int64_t ranks) {
  if (ranks == 1) return;
  const int64_t count = shape.experts.count;
  if (count == 0) {
    fail("parallel.expert is ", ranks, ", but a ", shape.architecture,
         " of this config has no experts: its layers are dense; set parallel.expert = 1");
  }
  if (count % ranks != 0) {
    fail("parallel.expert is ", ranks, ", but the model has ", count,
         " experts in a layer, which so many ranks cannot share evenly; take a number that divides ", count);
  }
}

}  // namespace golong
