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

std::string_view bytes_of(const at::Tensor& dense) {
  return {static_cast<const char*>(dense.const_data_ptr()), dense.nbytes()};
}

// The same on any number of ranks, all of which call it.
std::string fingerprint_of(const Model& model) {
  RunningHash hash;
  std::vector<int64_t> experts;  // hashes of those that are here
  for (const auto& [name, tensor] : model.parameters()) {
    const at::Tensor here = tensor.detach().to(at::kCPU).contiguous();
    if (is_of_expert(name)) {
      experts.push_back(static_cast<int64_t>(hash64(bytes_of(here))));
    } else {
      hash.add(name);
      hash.add(bytes_of(here));
    }
  }
  if (experts.empty()) return hash.digits();
  const parallel::Group& ranks = model.expert_ranks();
  const at::Tensor mine = at::tensor(experts, at::kLong).to(model.device());
  const at::Tensor all = at::empty({ranks.size(), mine.size(0)}, mine.options());
  ranks.gather(all, mine);
  // By layer, then by rank, which is their order in the whole model.
  const int64_t in_layer = 3 * model.shape().experts.count / ranks.size();
  hash.add(bytes_of(all.cpu().view({ranks.size(), -1, in_layer}).transpose(0, 1).contiguous()));
  return hash.digits();
}

}  // namespace

Reference open_reference(const Config& config, const Model& policy) {
  Reference reference;
  if (config.train.kl.estimator == "none") return reference;
  const std::string& folder = folder_of(config);
  try {
    const bool has_experts = read_shape(folder).experts.count > 0;
    reference.model =
        load_model(folder, policy.dtype(), policy.device(), has_experts ? policy.expert_ranks() : parallel::Group());
    for (const auto& [name, tensor] : reference.model->parameters()) at::Tensor(tensor).requires_grad_(false);
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
