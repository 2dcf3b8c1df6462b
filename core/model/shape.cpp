// config.json of a Hugging Face folder, as transformers 4 and 5 write it.
#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/model/config_json.h"
#include "core/model/family.h"
#include "core/model/model.h"

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
      fail(config.file(), ": eos_token_id must be a token id or a list of them, found ", json::serialize(id));
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
  if (config.boolean("use_sliding_window", false)) fail(config.file(), ": use_sliding_window = true is not supported");
  if (const std::string activation = config.text("hidden_act", "silu"); activation != "silu") {
    fail(config.file(), ": hidden_act \"", activation, "\" is not supported; only \"silu\" is");
  }
  if (config.find("quantization_config")) {
    fail(config.file(),
         ": quantized weights (quantization_config) are not supported; take the model in bfloat16 or float32");
  }
}

// The factor of cos and sin that YaRN's paper gives for a stretch.
double yarn_scale(double stretch, double weight) { return stretch <= 1 ? 1 : 0.1 * weight * std::log(stretch) + 1; }

void read_yarn(const ConfigJson& table, RopeShape& rope) {
  const double weight = table.real("mscale", 0.0), all = table.real("mscale_all_dim", 0.0);
  const double by_paper = weight > 0 && all > 0 ? yarn_scale(rope.factor, weight) / yarn_scale(rope.factor, all)
                                                : yarn_scale(rope.factor, 1);
  rope.attention_factor = table.real("attention_factor", by_paper);
  rope.beta_fast = table.real("beta_fast", 32.0);
  rope.beta_slow = table.real("beta_slow", 1.0);
  rope.truncate = table.boolean("truncate", true);
}

// transformers 5 has all of it in rope_parameters; 4 has rope_theta at the top and the rest in rope_scaling.
RopeShape read_rope(const ConfigJson& config, int64_t max_positions) {
  RopeShape rope;
  rope.theta = config.real("rope_theta", 1e4);
  if (config.real("partial_rotary_factor", 1.0) != 1) {
    fail(config.file(), ": partial_rotary_factor other than 1 is not supported");
  }
  std::optional<ConfigJson> table = config.table("rope_parameters");
  const std::optional<ConfigJson> scaling = config.table("rope_scaling");
  if (table && scaling) fail(config.file(), ": rope_parameters and rope_scaling are both there; keep one of them");
  if (!table) table = scaling;
  if (!table) return rope;
  rope.theta = table->real("rope_theta", rope.theta);
  rope.type = table->text("rope_type", table->text("type", "default"));
  if (table->real("partial_rotary_factor", 1.0) != 1) {
    fail(table->file(), ": partial_rotary_factor other than 1 is not supported");
  }
  if (rope.type == "default") return rope;
  if (rope.type != "linear" && rope.type != "yarn" && rope.type != "llama3") {
    fail(table->file(), ": type \"", rope.type,
         "\" is not supported; \"default\", \"linear\", \"yarn\" and \"llama3\" are");
  }
  rope.factor = table->real("factor");
  if (rope.factor > 1e6) fail(table->file(), ": factor must be at most 1e6");
  rope.original_positions = table->real("original_max_position_embeddings", static_cast<double>(max_positions));
  if (rope.type == "yarn") read_yarn(*table, rope);
  if (rope.type == "llama3") {
    rope.low_frequency = table->real("low_freq_factor");
    rope.high_frequency = table->real("high_freq_factor");
    if (rope.high_frequency <= rope.low_frequency) {
      fail(table->file(), ": high_freq_factor must be larger than low_freq_factor");
    }
  }
  return rope;
}

std::string architecture_of(const ConfigJson& config) {
  const json::value* names = config.find("architectures");
  if (!names || !names->is_array() || names->as_array().empty() || !names->as_array()[0].is_string()) {
    fail(config.file(), ": architectures must be a list with one name, such as [\"Qwen3ForCausalLM\"]");
  }
  return std::string(names->as_array()[0].as_string());
}

}  // namespace

ModelShape read_shape(const std::filesystem::path& folder) {
  const std::filesystem::path path = std::filesystem::is_directory(folder) ? folder / "config.json" : folder;
  const ConfigJson config(path);
  refuse_unsupported(config);
  ModelShape shape;
  shape.architecture = architecture_of(config);
  shape.vocabulary = config.integer("vocab_size");
  shape.hidden = config.integer("hidden_size");
  shape.layers = config.integer("num_hidden_layers");
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
  find_family(shape.architecture).read(config, shape);
  if (shape.heads % shape.kv_heads != 0) {
    fail(path.string(), ": num_attention_heads (", shape.heads, ") must be a multiple of num_key_value_heads (",
         shape.kv_heads, ")");
  }
  if (shape.head_dim == 0 || shape.head_dim % 2 != 0) {
    fail(path.string(), ": head_dim must be even and positive, found ", shape.head_dim);
  }
  add_ids(config, shape.eos_token_ids);
  const std::filesystem::path generation = path.parent_path() / "generation_config.json";
  if (std::filesystem::exists(generation)) add_ids(ConfigJson(generation), shape.eos_token_ids);
  shape.json = read_file(path);
  return shape;
}

}  // namespace golong
