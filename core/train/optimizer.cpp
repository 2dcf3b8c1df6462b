#include "core/train/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/ops/_fused_adamw.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

namespace golong {

AdamW::AdamW(const std::vector<std::pair<std::string, at::Tensor>>& parameters, AdamWOptions options)
    : options_(options) {
  for (const auto& [name, tensor] : parameters) {
    const bool needs_sum = tensor.scalar_type() != at::kFloat;
    add(name, tensor, 0, tensor.sizes().vec(),
        needs_sum ? at::zeros(tensor.sizes(), tensor.options().dtype(at::kFloat).requires_grad(false)) : at::Tensor());
  }
}

AdamW::AdamW(const std::vector<parallel::Piece>& pieces, AdamWOptions options) : options_(options) {
  for (const parallel::Piece& piece : pieces) add(piece.name, piece.weight, piece.offset, piece.size, piece.gradient);
}

void AdamW::add(std::string name, const at::Tensor& parameter, int64_t offset, std::vector<int64_t> size,
                const at::Tensor& gradient) {
  const at::TensorOptions here = parameter.options().dtype(at::kFloat).requires_grad(false);
  const at::TensorOptions state = options_.on_cpu ? here.device(at::kCPU) : here;
  Slot slot{std::move(name),
            offset,
            std::move(size),
            parameter,
            at::zeros(parameter.sizes(), state),
            at::zeros(parameter.sizes(), state),
            {},
            gradient};
  if (parameter.scalar_type() != at::kFloat) slot.master = parameter.detach().to(state);
  slots_.push_back(std::move(slot));
}

void AdamW::zero_grad() {
  for (Slot& slot : slots_) {
    if (slot.sum.defined()) slot.sum.zero_();
    at::Tensor& gradient = slot.parameter.mutable_grad();
    if (gradient.defined()) {
      gradient.zero_();
    } else if (!slot.sum.defined()) {
      // An expert that no token chooses gets none, and is decayed like any other.
      gradient = at::zeros_like(slot.parameter);
    }
  }
}

void AdamW::accumulate() {
  for (Slot& slot : slots_) {
    if (!slot.sum.defined() || !slot.parameter.grad().defined()) continue;
    slot.sum.add_(slot.parameter.grad());
    slot.parameter.mutable_grad().reset();
  }
}

double AdamW::gradient_norm(const parallel::Group& ranks) {
  accumulate();
  std::vector<at::Tensor> norms;  // read together: a device is waited for once
  for (const Slot& slot : slots_) {
    const at::Tensor& gradient = slot.gradient();
    if (gradient.defined()) norms.push_back(at::linalg_vector_norm(gradient, 2, std::nullopt, false, at::kFloat));
  }
  const at::Tensor square =
      norms.empty() ? at::zeros({1}, at::kDouble) : at::stack(norms).to(at::kDouble).square().sum().view({1});
  const at::Tensor all = at::empty({ranks.size()}, square.options());
  ranks.gather(all, square);  // added up in the order of ranks
  return all.sum().sqrt().item<double>();
}

const at::Tensor& AdamW::gradient(const std::string& name) const {
  const auto found = std::ranges::find(slots_, name, &Slot::name);
  TORCH_CHECK(found != slots_.end(), "there is no parameter ", name);
  return found->gradient();
}

void AdamW::step(double learning_rate, double scale) {
  accumulate();
  ++steps_;
  c10::NoGradGuard no_grad;
  if (!slots_.empty() && !slots_[0].parameter.is_cpu()) {
    return options_.on_cpu ? step_on_host(learning_rate, scale) : step_on_device(learning_rate, scale);
  }
  for (Slot& slot : slots_) {
    if (!slot.gradient().defined()) continue;
    adamw_update(slot.master.defined() ? slot.master : slot.parameter.detach(), slot.gradient().contiguous(),
                 slot.first, slot.second, numbers(slot, learning_rate, scale));
    if (slot.master.defined()) slot.parameter.detach().copy_(slot.master);
  }
}

AdamWNumbers AdamW::numbers(const Slot& slot, double learning_rate, double scale) const {
  const auto step = static_cast<double>(steps_);
  return {static_cast<float>(learning_rate),
          slot.size.size() > 1 ? static_cast<float>(options_.weight_decay) : 0.f,
          static_cast<float>(options_.beta1),
          static_cast<float>(options_.beta2),
          static_cast<float>(options_.epsilon),
          static_cast<float>(1 - std::pow(options_.beta1, step)),
          static_cast<float>(std::sqrt(1 - std::pow(options_.beta2, step))),
          static_cast<float>(scale)};
}

void AdamW::step_on_host(double learning_rate, double scale) {
  std::vector<HostParameter> parameters;
  for (Slot& slot : slots_) {
    if (!slot.gradient().defined()) continue;
    parameters.push_back({slot.parameter.detach(), slot.gradient().contiguous(), slot.master, slot.first, slot.second,
                          numbers(slot, learning_rate, scale)});
  }
  host_update_.run(parameters);
}

// By LibTorch's kernel. It would write clipped gradients back, so that they are scaled in a copy, one at a time.
void AdamW::step_on_device(double learning_rate, double scale) {
  const at::Tensor steps = at::full({}, static_cast<double>(steps_), slots_[0].first.options());
  for (Slot& slot : slots_) {
    if (!slot.gradient().defined()) continue;
    const at::Tensor gradient = slot.gradient().contiguous();
    const at::Tensor weight = slot.master.defined() ? slot.master : slot.parameter.detach();
    at::_fused_adamw_({weight}, {scale == 1 ? gradient : gradient * scale}, {slot.first}, {slot.second}, {}, {steps},
                      learning_rate, options_.beta1, options_.beta2, slot.size.size() > 1 ? options_.weight_decay : 0,
                      options_.epsilon, /*amsgrad=*/false,
                      /*maximize=*/false);
    if (slot.master.defined()) slot.parameter.detach().copy_(slot.master);
  }
}

template <class Function>
void AdamW::each_state(const Function& function) const {
  for (const Slot& slot : slots_) {
    function(slot, slot.name + ".first_moment", slot.first);
    function(slot, slot.name + ".second_moment", slot.second);
    if (slot.master.defined()) function(slot, slot.name + ".master", slot.master);
  }
}

std::vector<std::pair<std::string, at::Tensor>> AdamW::state() const {
  std::vector<std::pair<std::string, at::Tensor>> all;
  each_state([&](const Slot& slot, const std::string& name, const at::Tensor& tensor) {
    all.push_back(stored_part(name, tensor, slot.offset, slot.size));
  });
  return all;
}

void AdamW::load(const Pieces& state, int64_t steps) {
  each_state([&](const Slot& slot, const std::string& name, const at::Tensor& tensor) {
    state.read(name, slot.offset, slot.size, tensor.view({-1}));
  });
  steps_ = steps;
}

}  // namespace golong
