// Opening, making and saving models: the same for every family.
#include "core/model/model.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>

#include <boost/json.hpp>
#include <cassert>
#include <cmath>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/model/decoder.h"
#include "core/model/parameter_source.h"
#include "core/model/weight_check.h"
#include "core/model/weight_files.h"

namespace golong {
namespace {

namespace fs = std::filesystem;

const char* dtype_name(at::ScalarType dtype) { return dtype == at::kBFloat16 ? "bfloat16" : "float32"; }

}  // namespace

std::shared_ptr<Attention> Attention::again() const {
  TORCH_CHECK(false, "layers of this attention cannot be recomputed: it is not for training");
}

at::Tensor GroupAttention::attend(int64_t, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  double scale) {
  return nn::group_attention(q, k, v, groups_, scale);
}

bool is_of_expert(const std::string& name) { return name.find(".mlp.experts.") != std::string::npos; }

std::unique_ptr<Model> load_model(const fs::path& folder, at::ScalarType dtype, at::Device device,
                                  const parallel::Group& experts) {
  const ModelShape shape = read_shape(folder);
  check_expert_ranks(shape, experts.size());
  const StoredWeights weights(folder);
  check_weights(shape, weights, folder);
  check_memory(shape, dtype, device, experts);
  const auto take = [&](const std::string& name, const std::vector<int64_t>&) {
    return weights.copy(name, dtype, device).requires_grad_(true);
  };
  return make_decoder(shape, {take, {}}, experts);
}

bool has_weights(const fs::path& folder) {
  return fs::exists(folder / "model.safetensors") || fs::exists(folder / "model.safetensors.index.json");
}

std::unique_ptr<Model> make_model(const ModelShape& shape, at::ScalarType dtype, at::Device device, uint64_t seed,
                                  const parallel::Group& experts) {
  check_memory(shape, dtype, device, experts);
  at::Generator generator = at::globalContext().defaultGenerator(device).clone();
  generator.set_current_seed(seed);
  double residual = 0.02 / std::sqrt(2.0 * static_cast<double>(shape.layers));
  const auto take = [&](const std::string& name, const std::vector<int64_t>& size) {
    bool into_residual =
        name.find("o_proj.weight") != std::string::npos || name.find("down_proj.weight") != std::string::npos;
    at::Tensor tensor = at::empty(size, at::TensorOptions().device(device));
    if (size.size() > 1) {
      tensor.normal_(0, into_residual ? residual : 0.02, generator);
    } else {
      tensor.fill_(name.find(".bias") != std::string::npos ? 0 : 1);
    }
    return tensor.to(dtype).requires_grad_(true);
  };
  // The numbers of an expert are the same whoever keeps those before it.
  const auto pass_over = [&](const std::vector<int64_t>& size) {
    at::empty(size, at::TensorOptions().device(device)).normal_(0, 1, generator);
  };
  return make_decoder(shape, {take, pass_over}, experts);
}

void save_model(const Model& model, const fs::path& folder, at::ScalarType dtype, const fs::path& source,
                int64_t shard_bytes) {
  assert(model.expert_ranks().alone());
  write_model_folder(folder, model.parameters(), dtype, model.shape().json, source, shard_bytes);
}

void write_model_folder(const fs::path& folder, const NamedTensors& weights, at::ScalarType dtype,
                        const std::string& config_json, const fs::path& source, int64_t shard_bytes) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail("cannot make the folder ", folder.string(), ": ", error.message());
  write_weights(folder, weights, dtype, shard_bytes);
  boost::json::value config = boost::json::parse(config_json);
  config.as_object()[config.as_object().contains("dtype") ? "dtype" : "torch_dtype"] = dtype_name(dtype);
  write_file_atomic(folder / "config.json", boost::json::serialize(config) + "\n");
  if (source.empty() || !fs::exists(source) || fs::equivalent(source, folder)) return;
  for (const char* file : {"tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja",
                           "special_tokens_map.json", "vocab.json", "merges.txt"}) {
    if (!fs::exists(source / file)) continue;
    fs::copy_file(source / file, folder / file, fs::copy_options::overwrite_existing, error);
    if (error) fail("cannot copy ", (source / file).string(), " to ", folder.string(), ": ", error.message());
  }
}

}  // namespace golong
