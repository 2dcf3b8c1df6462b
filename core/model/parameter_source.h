// Where a model's parameters come from: stored weights, fresh ones, or nothing where only their names are asked for.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace golong {

struct ParameterSource {
  // The tensor of a parameter by its Hugging Face name and shape, in the model's dtype and on its device.
  std::function<at::Tensor(const std::string& name, const std::vector<int64_t>& shape)> take;
  // Hears of a parameter that stands here but that another rank keeps. May be empty.
  std::function<void(const std::vector<int64_t>& shape)> pass_over;
};

}  // namespace golong
