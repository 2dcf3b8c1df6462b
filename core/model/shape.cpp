// config.json of a Hugging Face folder, as transformers 4 and 5 write it.
#include <algorithm>
#include <boost/json.hpp>
#include <optional>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/model/model.h"

namespace golong {
namespace {

namespace json = boost::json;

// Reads keys of one JSON object; errors name file and key.
class Reader {
 public:
  Reader(const json::object& object, std::string file) : object_(object), file_(std::move(file)) {}

  const json::value* find(const char* key) const {
    const json::value* value = object_.if_contains(key);
    return value && !value->is_null() ? value : nullptr;
  }
  int64_t integer(const char* key, std::optional<int64_t> fallback = {}) const {
    const json::value* value = find(key);
    if (!value && fallback) return *fallback;
    boost::system::error_code error;
    int64_t number = value ? value->to_number<int64_t>(error) : 0;
    if (!value || error || number <= 0) fail(file_, ": ", key, " must be a positive integer");
    return number;
  }
  double real(const char* key, double fallback) const {
    const json::value* value = find(key);
    if (!value) return fallback;
    boost::system::error_code error;
    double number = value->to_number<double>(error);
    if (error || !(number > 0)) fail(file_, ": ", key, " must be a positive number");
    return number;
  }
  bool boolean(const char* key, bool fallback) const {
    const json::value* value = find(key);
    if (!value) return fallback;
    if (!value->is_bool()) fail(file_, ": ", key, " must be true or false");
    return value->as_bool();
  }

 private:
  const json::object& object_;
  std::string file_;
};

json::value parse(const std::filesystem::path& path) {
  boost::system::error_code error;
  json::value value = json::parse(read_file(path), error);
  if (error || !value.is_object()) fail(path.string(), ": is no JSON object", error ? ": " + error.message() : "");
  return value;
}

void add_ids(const json::value* value, const std::string& file, std::vector<int32_t>& ids) {
  if (!value || value->is_null()) return;
  auto add = [&](const json::value& id) {
    boost::system::error_code error;
    int32_t number = id.to_number<int32_t>(error);
    if (error || number < 0)
      fail(file, ": eos_token_id must be a token id or a list of them, found ", json::serialize(id));
    if (std::find(ids.begin(), ids.end(), number) == ids.end()) ids.push_back(number);
  };
  if (value->is_array()) {
    for (const json::value& id : value->as_array()) add(id);
  } else {
    add(*value);
  }
}

// Refuses what would change the numbers and is not built: better no model than a wrong one.
void refuse_unsupported(const json::object& object, const std::string& file) {
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const json::value* value = object.if_contains(key);
    if (!value || !value->is_object()) continue;
    for (const char* type_key : {"rope_type", "type"}) {
      const json::value* type = value->as_object().if_contains(type_key);
      if (type && type->is_string() && type->as_string() != "default") {
        fail(file, ": ", key, " of type ", std::string(type->as_string()), " is not supported; only \"default\" is");
      }
    }
  }
  const json::value* sliding = object.if_contains("use_sliding_window");
  if (sliding && sliding->is_bool() && sliding->as_bool()) fail(file, ": use_sliding_window = true is not supported");
  const json::value* activation = object.if_contains("hidden_act");
  if (activation && *activation != json::value("silu")) {
    fail(file, ": hidden_act ", json::serialize(*activation), " is not supported; only \"silu\" is");
  }
  const json::value* quantization = object.if_contains("quantization_config");
  if (quantization && !quantization->is_null()) {
    fail(file, ": quantized weights (quantization_config) are not supported; take the model in bfloat16 or float32");
  }
}

}  // namespace

ModelShape read_shape(const std::filesystem::path& folder) {
  std::filesystem::path path = std::filesystem::is_directory(folder) ? folder / "config.json" : folder;
  json::value value = parse(path);
  const json::object& object = value.as_object();
  refuse_unsupported(object, path.string());
  Reader read(object, path.string());
  ModelShape shape;
  const json::value* architectures = read.find("architectures");
  if (!architectures || !architectures->is_array() || architectures->as_array().empty() ||
      !architectures->as_array()[0].is_string()) {
    fail(path.string(), ": architectures must be a list with one name, such as [\"Qwen3ForCausalLM\"]");
  }
  shape.architecture = architectures->as_array()[0].as_string();
  shape.vocabulary = read.integer("vocab_size");
  shape.hidden = read.integer("hidden_size");
  shape.layers = read.integer("num_hidden_layers");
  shape.heads = read.integer("num_attention_heads");
  shape.kv_heads = read.integer("num_key_value_heads", shape.heads);
  // transformers' Qwen3Config takes 128 where the file says nothing.
  shape.head_dim = read.integer("head_dim", shape.architecture.starts_with("Qwen3") ? 128 : shape.hidden / shape.heads);
  shape.intermediate = read.integer("intermediate_size");
  shape.max_positions = read.integer("max_position_embeddings", 32768);
  const json::value* rope = read.find("rope_parameters");
  shape.rope_theta = rope && rope->is_object() && rope->as_object().contains("rope_theta")
                         ? Reader(rope->as_object(), path.string()).real("rope_theta", 1e4)
                         : read.real("rope_theta", 1e4);
  shape.rms_norm_eps = read.real("rms_norm_eps", 1e-6);
  shape.tied = read.boolean("tie_word_embeddings", false);
  shape.attention_bias = read.boolean("attention_bias", false);
  if (shape.heads % shape.kv_heads != 0) {
    fail(path.string(), ": num_attention_heads (", shape.heads, ") must be a multiple of num_key_value_heads (",
         shape.kv_heads, ")");
  }
  if (shape.head_dim == 0 || shape.head_dim % 2 != 0) {
    fail(path.string(), ": head_dim must be even and positive, found ", shape.head_dim);
  }
  add_ids(read.find("eos_token_id"), path.string(), shape.eos_token_ids);
  std::filesystem::path generation = path.parent_path() / "generation_config.json";
  if (std::filesystem::exists(generation)) {
    add_ids(parse(generation).as_object().if_contains("eos_token_id"), generation.string(), shape.eos_token_ids);
  }
  shape.json = read_file(path);
  return shape;
}

}  // namespace golong
