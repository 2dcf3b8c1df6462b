#include "core/train/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/ops/_fused_adamw.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace golong {

AdamW::AdamW(const std::vector<std::pair<std::string, at::Tensor>>& parameters, AdamWOptions options)
    : options_(options) {
  for (const auto& [name, tensor] : parameters) {
    const at::TensorOptions here = tensor.options().dtype(at::kFloat);
    const at::TensorOptions state = options.on_cpu ? here.device(at::kCPU) : here;
    Slot slot{name, tensor, at::zeros(tensor.sizes(), state), at::zeros(tensor.sizes(), state), {}, {}};
    if (tensor.scalar_type() != at::kFloat) {
      slot.master = tensor.detach().to(state);
      slot.sum = at::zeros(tensor.sizes(), here);
    }
    slots_.push_back(std::move(slot));
  }
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

double AdamW::gradient_norm() {
  accumulate();
  std::vector<at::Tensor> norms;  // read together: a device is waited for once
  for (const Slot& slot : slots_) {
    const at::Tensor& gradient = slot.gradient();
    if (gradient.defined()) norms.push_back(at::linalg_vector_norm(gradient, 2, std::nullopt, false, at::kFloat));
  }
  return norms.empty() ? 0 : at::stack(norms).to(at::kDouble).square().sum().sqrt().item<double>();
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
          slot.parameter.dim() > 1 ? static_cast<float>(options_.weight_decay) : 0.f,
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
                      learning_rate, options_.beta1, options_.beta2,
                      slot.parameter.dim() > 1 ? options_.weight_decay : 0, options_.epsilon, /*amsgrad=*/false,
                      /*maximize=*/false);
    if (slot.master.defined()) slot.parameter.detach().copy_(slot.master);
  }
}

std::vector<std::pair<std::string, at::Tensor>> AdamW::state() const {
  std::vector<std::pair<std::string, at::Tensor>> all;
  for (const Slot& slot : slots_) {
    all.emplace_back(slot.name + ".first_moment", slot.first);
    all.emplace_back(slot.name + ".second_moment", slot.second);
    if (slot.master.defined()) all.emplace_back(slot.name + ".master", slot.master);
  }
  return all;
}

void AdamW::load(const std::map<std::string, at::Tensor>& state, int64_t steps) {
  for (auto& [name, tensor] : this->state()) {
    auto found = state.find(name);
    if (found == state.end()) fail("the checkpoint's optimizer state has no ", name);
    if (found->second.sizes() != tensor.sizes()) fail("the checkpoint's optimizer state ", name, " has another shape");
    tensor.copy_(found->second);
  }
  steps_ = steps;
}

}  // namespace golong
