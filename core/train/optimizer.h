// AdamW over a model's parameters, in place: the tensors that the rollout reads are the ones that are updated.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/checkpoint/pieces.h"
#include "core/parallel/flat_unit.h"
#include "core/train/adamw_update.h"
#include "core/train/host_update.h"

namespace golong {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.1;  // on matrices only: norms and biases are left out, as Megatron does
  // Moments and master weights lie in the CPU's memory and are updated by it, wherever the parameters are. Of
  // parameters on the CPU nothing changes.
  bool on_cpu = false;
};

// Moments, master weights and sums of gradients are float32; the latter two exist where the parameters are not float32.
// All lie where the parameters do, but for AdamWOptions::on_cpu; sums of gradients always do. The update is that of
// torch.optim.AdamW (decoupled decay, bias correction). Not thread-safe.
class AdamW {
 public:
  AdamW(const std::vector<std::pair<std::string, at::Tensor>>& parameters, AdamWOptions options);
  // Of parts of parameters, whose gradients somebody else adds up.
  AdamW(const std::vector<parallel::Piece>& pieces, AdamWOptions options);

  void zero_grad();

  // Adds what the last backward pass left to the sums of gradients. Call it after each where a step has several: a sum
  // in the parameters' own type would lose what is small.
  void accumulate();

  // Global 2-norm of all gradients (float64 sum); inf or NaN where a gradient is not finite.
  // `ranks`: each has other parts of the parameters; the norm is that of all.
  double gradient_norm(const parallel::Group& ranks = {});

  // The sum of gradients of a parameter, by its name; it lives as long as the optimizer.
  const at::Tensor& gradient(const std::string& name) const;

  // One update; gradients are multiplied by `scale` first (clipping).
  void step(double learning_rate, double scale = 1.0);

  int64_t steps() const { return steps_; }

  // Moments and master weights by name, for checkpoints; those of parts as stored_part() names them. `load` takes them
  // from whatever parts they were stored in, and throws Error where one is missing or has another shape.
  std::vector<std::pair<std::string, at::Tensor>> state() const;
  void load(const Pieces& state, int64_t steps);

 private:
  struct Slot {
    std::string name;
    int64_t offset;             // of the parameter's elements, flattened: the first one here
    std::vector<int64_t> size;  // of the whole parameter
    at::Tensor parameter, first, second;
    at::Tensor master;  // undefined where the parameter is float32
    at::Tensor sum;     // undefined where the parameter's own gradient is the sum

    const at::Tensor& gradient() const { return sum.defined() ? sum : parameter.grad(); }
  };
  void add(std::string name, const at::Tensor& parameter, int64_t offset, std::vector<int64_t> size,
           const at::Tensor& gradient);
  template <class Function>
  void each_state(const Function& function) const;
  AdamWNumbers numbers(const Slot& slot, double learning_rate, double scale) const;
  void step_on_device(double learning_rate, double scale);
  void step_on_host(double learning_rate, double scale);

  std::vector<Slot> slots_;
  AdamWOptions options_;
  HostUpdate host_update_;  // of options_.on_cpu
  int64_t steps_ = 0;
};

}  // namespace golong
