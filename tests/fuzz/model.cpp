// A model folder: any config.json and any safetensors header is read, or refused by an Error that names the file. The
// first line says what is unlike a config of experts with YaRN (a JSON object of members to replace), or, where it is
// no object, it is the config; the rest is a safetensors file.
#include "core/model/safetensors_header.h"

#include <unistd.h>

#include <boost/json.hpp>
#include <fstream>
#include <string>

#include "core/base/error.h"
#include "core/model/shape.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

using golong::fuzz::require;
namespace json = boost::json;

std::string config_of(std::string_view line) {
  json::error_code error;
  const json::value changes = json::parse(json::string_view(line.data(), line.size()), error);
  if (error || !changes.is_object()) return std::string(line);
  json::object config{{"architectures", {"Qwen3MoeForCausalLM"}},
                      {"vocab_size", 32},
                      {"hidden_size", 24},
                      {"num_hidden_layers", 4},
                      {"num_attention_heads", 4},
                      {"intermediate_size", 40},
                      {"num_experts", 6},
                      {"num_experts_per_tok", 2},
                      {"rope_scaling", {{"type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 16}}}};
  for (const auto& [key, value] : changes.as_object()) config[key] = value;
  return json::serialize(config);
}

void check_shape(const golong::ModelShape& shape) {
  require(shape.vocabulary > 0 && shape.hidden > 0 && shape.layers > 0 && shape.intermediate > 0, "sizes are positive");
  require(shape.heads > 0 && shape.kv_heads > 0 && shape.heads % shape.kv_heads == 0, "heads divide");
  require(shape.head_dim > 0 && shape.head_dim % 2 == 0, "dimensions are pairs");
  require(shape.max_positions > 0 && shape.rope.theta > 0 && shape.rope.factor > 0, "positions are positive");
  const golong::ExpertShape& experts = shape.experts;
  require(experts.per_token <= experts.count && experts.every > 0, "experts can be chosen");
  for (int64_t layer = 0; layer < shape.layers; ++layer) (void)experts.in_layer(layer);
}

void check_header(const golong::SafetensorsHeader& header, size_t size) {
  uint64_t end = 0;
  for (const golong::StoredTensor& tensor : header.tensors) {
    require(tensor.begin == end && tensor.end >= tensor.begin, "tensors fill the data in order");
    uint64_t count = 1;
    for (int64_t extent : tensor.shape) count *= static_cast<uint64_t>(extent);
    require(count == 0 || (tensor.end - tensor.begin) % count == 0, "bytes are those of the shape");
    end = tensor.end;
  }
  require(header.bytes + end == size, "and all of it");
}

template <class Read>
void check(const std::string& where, Read read) {
  try {
    read();
  } catch (const golong::Error& error) {
    require(std::string_view(error.what()).find(where) != std::string_view::npos, "the error names the file");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string path = "/dev/shm/golong-fuzz-model-" + std::to_string(getpid()) + ".json";
  const auto [first, rest] = golong::fuzz::first_line(data, size);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << config_of(first);
  check(path, [&] { check_shape(golong::read_shape(path)); });
  const std::string_view file = rest;
  check("a.safetensors", [&] { check_header(golong::read_safetensors_header(file, "a.safetensors"), file.size()); });
  return 0;
}
