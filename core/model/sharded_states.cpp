#include "core/model/sharded_states.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <charconv>
#include <map>
#include <string_view>
#include <utility>

#include "core/base/hash.h"
#include "core/nn/device.h"

namespace golong {

using parallel::FlatUnit;

StatesOf states_of(const std::string& parameter) {
  constexpr std::string_view layers = "model.layers.";
  if (!parameter.starts_with(layers)) return {};
  int64_t layer = 0;
  std::from_chars(parameter.data() + layers.size(), parameter.data() + parameter.size(), layer);
  return {layer, is_of_expert(parameter)};
}

ShardedStates::ShardedStates(Model& model, const parallel::Mesh& mesh, parallel::Split split)
    : model_(model), mesh_(mesh), split_(split), layers_(static_cast<size_t>(model.shape().layers)) {
  std::map<StatesOf, std::vector<std::pair<std::string, at::Tensor>>> parameters;  // in order, those of no layer first
  for (const auto& parameter : model.parameters()) parameters[states_of(parameter.first)].push_back(parameter);
  units_.reserve(parameters.size());
  for (auto& [of, those] : parameters) {
    // The sums of what is of no layer are needed when an update ends, and it is gathered until then anyway.
    units_.emplace_back(std::move(those), of.of_expert ? mesh.expert_replica : mesh.replica, split, !of.layer);
    (of.layer ? layers_[static_cast<size_t>(*of.layer)] : roots_).push_back(&units_.back());
  }
  model_.set_layer_weights(this);
  // Where all parameters lay before is as large as the model.
  nn::give_back_memory(model.device());
}

ShardedStates::~ShardedStates() { model_.set_layer_weights(nullptr); }

void ShardedStates::begin_passes() {
  for (FlatUnit* unit : roots_) unit->hold();
}

void ShardedStates::end_passes() {
  for (FlatUnit* unit : roots_) unit->let_go();
}

ShardedStates::Whole::Whole(ShardedStates* states) : states_(states) {
  if (states_) states_->each([](FlatUnit& unit) { unit.hold(); });
}

ShardedStates::Whole::~Whole() {
  if (states_) states_->each([](FlatUnit& unit) { unit.let_go(); });
}

void ShardedStates::zero_gradients() {
  each([](FlatUnit& unit) { unit.zero_gradients(); });
}

void ShardedStates::take_gradients() {
  for (FlatUnit* unit : roots_) unit->take_gradients();
}

void ShardedStates::finish_gradients() {
  each([&](FlatUnit& unit) {
    unit.finish_gradients();
    if (unit.gradients().defined()) mesh_.replicas.sum(unit.gradients());
  });
}

void ShardedStates::spread_weights() {
  each([](FlatUnit& unit) { unit.spread_weights(); });
}

std::vector<parallel::Piece> ShardedStates::pieces() const {
  std::vector<parallel::Piece> all;
  for (const FlatUnit& unit : units_) all.insert(all.end(), unit.pieces().begin(), unit.pieces().end());
  return all;
}

int64_t ShardedStates::fingerprint() const {
  constexpr int64_t part = 1 << 20;  // ATen makes a copy in int64 of what it sums up
  std::vector<at::Tensor> sums;
  for (const FlatUnit& unit : units_) {
    const at::Tensor& weights = unit.weights();
    const at::Tensor bits = weights.view(weights.element_size() == 2 ? at::kShort : at::kInt);
    for (const at::Tensor& some : bits.split(part)) sums.push_back(some.sum(at::kLong));
  }
  const at::Tensor here = at::stack(sums).cpu();
  return static_cast<int64_t>(hash64({static_cast<const char*>(here.const_data_ptr()), here.nbytes()}));
}

// The weights of one layer, and those of the one that follows on the way.
void ShardedStates::gather(int64_t layer, int64_t next) {
  for (FlatUnit* unit : layers_[static_cast<size_t>(layer)]) unit->gather();
  if (next < 0 || next >= static_cast<int64_t>(layers_.size())) return;
  for (FlatUnit* unit : layers_[static_cast<size_t>(next)]) unit->gather_later();
}

void ShardedStates::before_forward(int64_t layer) { gather(layer, layer + 1); }
void ShardedStates::before_backward(int64_t layer) { gather(layer, layer - 1); }

void ShardedStates::after_forward(int64_t layer) {
  for (FlatUnit* unit : layers_[static_cast<size_t>(layer)]) unit->release();
}

// The sums over ranks are made while the layer before this one computes its own.
void ShardedStates::after_backward(int64_t layer) {
  for (FlatUnit* unit : layers_[static_cast<size_t>(layer)]) {
    unit->take_gradients();
    unit->release();
  }
  for (FlatUnit* unit : std::exchange(summing_, layers_[static_cast<size_t>(layer)])) {
    unit->settle_gradients();
  }
}

}  // namespace golong
