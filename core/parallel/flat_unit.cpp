#include "core/parallel/flat_unit.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <c10/core/StorageImpl.h>

#include <algorithm>
#include <cassert>

namespace golong::parallel {
namespace {

// Memory of a tensor's storage, given back and taken anew: views of it stay what they are (as PyTorch's FSDP does).
void free_memory(const at::Tensor& x) {
  c10::StorageImpl* storage = x.storage().unsafeGetStorageImpl();
  storage->set_data_ptr_noswap(storage->allocator()->allocate(0));
  storage->set_nbytes(0);
}

void take_memory(const at::Tensor& x) {
  c10::StorageImpl* storage = x.storage().unsafeGetStorageImpl();
  const size_t bytes = static_cast<size_t>(x.numel()) * x.element_size();
  storage->set_data_ptr_noswap(storage->allocator()->allocate(bytes));
  storage->set_nbytes(bytes);
}

int64_t round_up(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// Copies that autograd does not count as changes of a saved tensor: the values are the same whenever they are used.
at::Tensor untracked(const at::Tensor& x) { return x.variable_data(); }

}  // namespace

FlatUnit::FlatUnit(std::vector<std::pair<std::string, at::Tensor>> parameters, Group ranks, Split split, bool late)
    : parameters_(std::move(parameters)),
      ranks_(std::move(ranks)),
      split_(ranks_.alone() ? Split::optimizer : split),
      late_(late || split == Split::optimizer) {
  assert(!parameters_.empty());
  const bool trained = parameters_[0].second.requires_grad();
  c10::NoGradGuard no_grad;
  const at::TensorOptions options = parameters_[0].second.options().requires_grad(false);
  int64_t used = 0;
  for (const auto& [name, parameter] : parameters_) used += parameter.numel();
  numel_ = round_up(used, ranks_.size());
  const int64_t part = numel_ / ranks_.size(), first = ranks_.rank() * part;
  flat_ = at::empty({numel_}, options);
  flat_.narrow(0, used, numel_ - used).zero_();
  own_ = split_ == Split::weights ? at::empty({part}, options) : flat_.narrow(0, first, part);
  if (trained) own_sum_ = at::zeros({part}, options.dtype(at::kFloat));
  sums_in_place_ = trained && ranks_.alone() && flat_.scalar_type() == at::kFloat;
  int64_t start = 0;
  for (auto& [name, parameter] : parameters_) {
    const int64_t count = parameter.numel();
    const at::Tensor place = flat_.narrow(0, start, count).view(parameter.sizes());
    place.copy_(parameter.detach());
    parameter.set_data(place);
    if (sums_in_place_) parameter.mutable_grad() = own_sum_.narrow(0, start, count).view(parameter.sizes());
    // What of it lies in this rank's part.
    const int64_t begin = std::max(start, first), end = std::min(start + count, first + part);
    if (trained && begin < end) {
      pieces_.push_back({name, begin - start, parameter.sizes().vec(), own_.narrow(0, begin - first, end - begin),
                         own_sum_.narrow(0, begin - first, end - begin)});
    }
    start += count;
  }
  if (split_ == Split::weights) {
    own_.copy_(flat_.narrow(0, first, part));
    release();
  }
}

void FlatUnit::gather_later() {
  if (whole_) return;
  take_memory(flat_);
  coming_ = ranks_.gather_later(untracked(flat_), own_);
  whole_ = true;
}

void FlatUnit::gather() {
  gather_later();
  coming_.wait();
}

void FlatUnit::release() {
  if (split_ != Split::weights || held_ || !whole_) return;
  coming_.wait();
  free_memory(flat_);
  whole_ = false;
}

void FlatUnit::add_gradients_to(const at::Tensor& all) {
  int64_t start = 0;
  for (auto& [name, parameter] : parameters_) {
    const at::Tensor& gradient = parameter.grad();
    if (gradient.defined()) {
      all.narrow(0, start, parameter.numel()).add_(gradient.flatten());
      parameter.mutable_grad().reset();
    }
    start += parameter.numel();
  }
}

void FlatUnit::sum_over_ranks(const at::Tensor& all) {
  settle_gradients();
  summed_ = at::empty_like(own_sum_);
  summing_ = ranks_.sum_parts_later(summed_, all);
}

void FlatUnit::settle_gradients() {
  if (!summed_.defined()) return;
  summing_.wait();
  own_sum_.add_(summed_);
  summed_.reset();
}

void FlatUnit::take_gradients() {
  if (!own_sum_.defined() || sums_in_place_) return;
  c10::NoGradGuard no_grad;
  if (ranks_.alone()) return add_gradients_to(own_sum_);
  const auto zeros = [&] { return at::zeros({numel_}, own_sum_.options()); };
  if (late_) {
    if (!late_sum_.defined()) late_sum_ = zeros();
    return add_gradients_to(late_sum_);
  }
  const at::Tensor all = zeros();
  add_gradients_to(all);
  sum_over_ranks(all);
}

void FlatUnit::finish_gradients() {
  if (ranks_.alone() || !own_sum_.defined()) return;
  if (late_) {
    // A rank that had nothing to do adds nothing, but takes part.
    sum_over_ranks(late_sum_.defined() ? late_sum_ : at::zeros({numel_}, own_sum_.options()));
    late_sum_.reset();
  }
  settle_gradients();
}

void FlatUnit::zero_gradients() {
  if (!own_sum_.defined()) return;
  settle_gradients();
  own_sum_.zero_();
  late_sum_.reset();
  if (sums_in_place_) return;
  for (auto& [name, parameter] : parameters_) parameter.mutable_grad().reset();
}

void FlatUnit::spread_weights() {
  if (ranks_.alone()) return;
  if (split_ == Split::weights) {
    if (whole_) ranks_.gather(untracked(flat_), own_);  // one that is held
    return;
  }
  ranks_.gather(untracked(flat_), own_.clone());
}

}  // namespace golong::parallel
