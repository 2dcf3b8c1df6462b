// The frozen model that train.kl compares the policy with: another copy of the weights in model.dtype, and no more (no
// gradients, no moments). It is never saved: a resumed run reads it again, and checks that it is the same.
#pragma once
#include <memory>
#include <string>

#include "core/config/config.h"
#include "core/model/model.h"

namespace golong {

struct Reference {
  std::unique_ptr<Model> model;  // nullptr where train.kl.estimator is "none"
  std::string fingerprint;       // of its weights; empty without a model
};

// Reads train.reference_model, or model.path where that is empty. Throws Error where it cannot be read, or has another
// vocabulary than the policy.
Reference open_reference(const Config& config, const Model& policy);

// `saved`: the fingerprint in the checkpoint, empty where the run had no reference. Throws Error where it had another.
void check_reference(const Config& config, const Reference& reference, const std::string& saved);

}  // namespace golong
