// Opening, making and saving models: the same for every family.
#include "core/model/model.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <boost/json.hpp>
#include <cmath>
#include <sstream>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/model/family.h"
#include "core/model/safetensors.h"

namespace golong {
namespace {

namespace fs = std::filesystem;

std::string show(at::IntArrayRef shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

at::Tensor own(const at::Tensor& tensor, at::ScalarType dtype, at::Device device) {
  return at::empty(tensor.sizes(), at::TensorOptions().dtype(dtype).device(device)).copy_(tensor).requires_grad_(true);
}

const char* dtype_name(at::ScalarType dtype) { return dtype == at::kBFloat16 ? "bfloat16" : "float32"; }

}  // namespace

at::Tensor GroupAttention::attend(int64_t, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  double scale) {
  return nn::group_attention(q, k, v, groups_, scale);
}

std::unique_ptr<Model> load_model(const fs::path& folder, at::ScalarType dtype, at::Device device) {
  ModelShape shape = read_shape(folder);
  std::map<std::string, at::Tensor> weights = read_weights(folder);
  std::string problems;
  size_t wrong = 0;
  auto complain = [&](const std::string& line) {
    if (++wrong <= 20) problems += "\n  " + line;
  };
  auto source = [&](const std::string& name, const std::vector<int64_t>& expected) {
    auto found = weights.find(name);
    if (found == weights.end()) {
      complain(name + ": missing, expected " + show(expected));
    } else if (found->second.sizes() != at::IntArrayRef(expected)) {
      complain(name + ": expected " + show(expected) + ", found " + show(found->second.sizes()));
    } else {
      at::Tensor tensor = own(found->second, dtype, device);
      weights.erase(found);
      return tensor;
    }
    return at::empty({0}, at::TensorOptions().dtype(dtype).device(device));
  };
  std::unique_ptr<Model> model = find_family(shape.architecture).make(shape, source);
  if (shape.tied) weights.erase("lm_head.weight");
  for (const auto& [name, tensor] : weights)
    complain(name + ": not part of a " + shape.architecture + " of this config");
  if (wrong > 0) {
    fail(folder.string(), ": ", wrong, " tensors do not fit config.json:", problems, wrong > 20 ? "\n  ..." : "");
  }
  return model;
}

std::unique_ptr<Model> make_model(const ModelShape& shape, at::ScalarType dtype, at::Device device, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  double residual = 0.02 / std::sqrt(2.0 * static_cast<double>(shape.layers));
  auto source = [&](const std::string& name, const std::vector<int64_t>& size) {
    bool into_residual =
        name.find("o_proj.weight") != std::string::npos || name.find("down_proj.weight") != std::string::npos;
    at::Tensor tensor = size.size() > 1 ? at::empty(size).normal_(0, into_residual ? residual : 0.02, generator)
                        : name.find(".bias") != std::string::npos ? at::zeros(size)
                                                                  : at::ones(size);
    return own(tensor, dtype, device);
  };
  return find_family(shape.architecture).make(shape, source);
}

void save_model(const Model& model, const fs::path& folder, at::ScalarType dtype, const fs::path& source) {
  NamedTensors tensors;
  for (const auto& [name, tensor] : model.parameters()) tensors.emplace_back(name, tensor.detach().to(dtype));
  write_model_folder(folder, tensors, model.shape().json, source);
}

void write_model_folder(const fs::path& folder, const NamedTensors& weights, const std::string& config_json,
                        const fs::path& source) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail("cannot make the folder ", folder.string(), ": ", error.message());
  write_safetensors(folder / "model.safetensors", weights, {{"format", "pt"}});
  boost::json::value config = boost::json::parse(config_json);
  config.as_object()[config.as_object().contains("dtype") ? "dtype" : "torch_dtype"] =
      dtype_name(weights.at(0).second.scalar_type());
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
