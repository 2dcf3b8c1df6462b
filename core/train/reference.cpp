#include "core/train/reference.h"

#include <ATen/ATen.h>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/report/log.h"
#include "core/train/workspace.h"

namespace golong {
namespace {

std::string key_of(const Config& config) {
  return config.train.reference_model.empty() ? "model.path" : "train.reference_model";
}

const std::string& folder_of(const Config& config) {
  return config.train.reference_model.empty() ? config.model.path : config.train.reference_model;
}

std::string fingerprint_of(const Model& model) {
  RunningHash hash;
  for (const auto& [name, tensor] : model.parameters()) {
    at::Tensor bytes = tensor.detach().to(at::kCPU).contiguous();
    hash.add(name);
    hash.add({static_cast<const char*>(bytes.const_data_ptr()), bytes.nbytes()});
  }
  return hash.digits();
}

}  // namespace

Reference open_reference(const Config& config, const Model& policy) {
  Reference reference;
  if (config.train.kl.estimator == "none") return reference;
  const std::string& folder = folder_of(config);
  try {
    reference.model = load_model(folder, policy.dtype(), policy.device());
  } catch (const Error& error) {
    fail("the reference model of train.kl (", name_of(config, key_of(config)), ") cannot be read: ", error.what());
  }
  if (reference.model->shape().vocabulary != policy.shape().vocabulary) {
    fail(name_of(config, key_of(config)), ": the reference model ", folder, " has ",
         reference.model->shape().vocabulary, " tokens, the model that is trained ", policy.shape().vocabulary,
         "; both must have the same tokenizer");
  }
  reference.fingerprint = fingerprint_of(*reference.model);
  log::info("train.kl compares with ", folder, ", kept in memory beside the model");
  return reference;
}

void check_reference(const Config& config, const Reference& reference, const std::string& saved) {
  if (!reference.model || saved.empty() || reference.fingerprint == saved) return;
  fail(name_of(config, key_of(config)), ": ", folder_of(config),
       " holds other weights than the reference model that the run began with. Name the folder of those weights in "
       "train.reference_model");
}

}  // namespace golong
