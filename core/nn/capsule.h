// What an autograd context keeps that is no tensor: ctx->saved_data["group"] = capsule(group).
#pragma once
#include <torch/custom_class.h>

#include <utility>

namespace golong::nn {

template <class T>
struct Capsule : torch::CustomClassHolder {
  explicit Capsule(T v) : value(std::move(v)) {}
  T value;
};

template <class T>
c10::IValue capsule(T value) {
  return c10::IValue::make_capsule(c10::make_intrusive<Capsule<T>>(std::move(value)));
}

// Lives as long as what keeps it.
template <class T>
const T& held(const c10::IValue& value) {
  return static_cast<const Capsule<T>&>(*value.toCapsule()).value;
}

}  // namespace golong::nn
