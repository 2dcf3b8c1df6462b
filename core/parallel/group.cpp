#include "core/parallel/group.h"

#include <ATen/ATen.h>

#include <cassert>
#include <chrono>
#include <cstring>
#include <numeric>
#include <sstream>
#include <utility>

#include "core/base/rank_errors.h"
#include "core/parallel/backend.h"
#include "core/parallel/reason.h"

namespace golong::parallel {

struct Operation {
  c10::intrusive_ptr<c10d::Work> work;
  std::vector<at::Tensor> tensors;  // live until it is done
  const GroupState& group;
  const char* what;
  int64_t number;                // in the group
  std::function<void()> finish;  // what this rank does itself with what came
};

namespace {

int64_t bytes_of(const at::Tensor& x) { return static_cast<int64_t>(x.nbytes()); }

// Backends know few types; what is only moved is moved as bytes.
at::Tensor as_bytes(const at::Tensor& x) {
  assert(x.is_contiguous());
  return x.detach().view({-1}).view(at::kByte);
}

int64_t total(const std::vector<int64_t>& counts) { return std::accumulate(counts.begin(), counts.end(), int64_t{0}); }

}  // namespace

int64_t Group::rank() const { return state_ ? state_->backend->getRank() : 0; }
int64_t Group::size() const { return state_ ? state_->backend->getSize() : 1; }

void Pending::wait() {
  if (!operation_) return;
  const auto operation = std::exchange(operation_, nullptr);
  const GroupState& group = operation->group;
  const auto start = std::chrono::steady_clock::now();
  try {
    operation->work->wait();
  } catch (const std::exception& error) {
    group.failed(operation->what, operation->number, error);
  }
  group.traffic->seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (operation->finish) operation->finish();
}

Pending GroupState::begin(const char* what, int64_t bytes, std::vector<at::Tensor> tensors, const Begin& begin,
                          std::function<void()> finish) const {
  const int64_t operation = operations->begin(number, what);
  Pending pending;
  try {
    pending.operation_ = std::make_shared<Operation>(
        Operation{begin(*backend), std::move(tensors), *this, what, operation, std::move(finish)});
  } catch (const std::exception& error) {
    failed(what, operation, error);
  }
  traffic->bytes_sent += bytes;
  return pending;
}

void GroupState::failed(const char* what, int64_t operation, const std::exception& error) const {
  const std::string why = operations->why_failed(number, operation);
  std::ostringstream message;
  message << "rank " << backend->getRank() << " of the " << backend->getSize() << " " << name << ": " << what
          << " failed: " << (why.empty() ? reason_of(error) : why);
  throw OtherRankFailed(message.str());
}

void Group::sum(const at::Tensor& x) const {
  if (alone() || x.numel() == 0) return;
  std::vector<at::Tensor> tensors{x.detach()};
  state_
      ->begin("sum", 2 * bytes_of(x) * (size() - 1) / size(), tensors,
              [&](c10d::Backend& backend) { return backend.allreduce(tensors); })
      .wait();
}

void Group::broadcast(const at::Tensor& x, int64_t root) const {
  if (alone() || x.numel() == 0) return;
  std::vector<at::Tensor> tensors{as_bytes(x)};
  c10d::BroadcastOptions options;
  options.rootRank = root;
  state_
      ->begin("broadcast", rank() == root ? bytes_of(x) : 0, tensors,
              [&](c10d::Backend& backend) { return backend.broadcast(tensors, options); })
      .wait();
}

Pending Group::gather_later(const at::Tensor& all, const at::Tensor& mine) const {
  assert(all.numel() == mine.numel() * size() && all.scalar_type() == mine.scalar_type());
  if (alone()) {
    all.detach().view({-1}).copy_(mine.detach().view({-1}));
    return {};
  }
  if (mine.numel() == 0) return {};
  at::Tensor to = as_bytes(all), from = as_bytes(mine);
  return state_->begin("gather", bytes_of(mine) * (size() - 1), {to, from},
                       [&](c10d::Backend& backend) { return backend._allgather_base(to, from); });
}

Pending Group::sum_parts_later(const at::Tensor& mine, const at::Tensor& all) const {
  assert(all.numel() == mine.numel() * size() && all.scalar_type() == mine.scalar_type());
  if (alone()) {
    mine.detach().view({-1}).copy_(all.detach().view({-1}));
    return {};
  }
  if (mine.numel() == 0) return {};
  at::Tensor to = mine.detach().view({-1}), from = all.detach().view({-1});
  const int64_t bytes = bytes_of(mine) * (size() - 1);
  if (!mine.is_cpu()) {
    return state_->begin("sum of parts", bytes, {to, from},
                         [&](c10d::Backend& backend) { return backend._reduce_scatter_base(to, from); });
  }
  // Gloo would send the sums of all parts to everybody.
  at::Tensor came = at::empty_like(from);
  std::vector<int64_t> equal;
  return state_->begin(
      "sum of parts", bytes, {came, from},
      [&](c10d::Backend& backend) { return backend.alltoall_base(came, from, equal, equal); },
      [to, came]() mutable {
        at::sum_out(to, came.view({-1, to.numel()}), {0});
      });
}

at::Tensor Group::exchange(const at::Tensor& rows, const std::vector<int64_t>& send,
                           const std::vector<int64_t>& receive) const {
  assert(rows.is_contiguous() && rows.size(0) == total(send));
  if (alone()) return rows.detach().clone();
  std::vector<int64_t> size = rows.sizes().vec();
  const int64_t row = rows.size(0) > 0 ? bytes_of(rows) / rows.size(0)
                                       : c10::multiply_integers(size.begin() + 1, size.end()) *
                                             static_cast<int64_t>(rows.element_size());
  size[0] = total(receive);
  at::Tensor came = at::empty(size, rows.options());
  // Rows as bytes: [rows, bytes of one].
  at::Tensor from = rows.detach().view({-1}).view(at::kByte).view({rows.size(0), row}),
             to = came.view({-1}).view(at::kByte).view({size[0], row});
  std::vector<int64_t> sent = send, got = receive;
  state_
      ->begin("exchange", row * (rows.size(0) - send[static_cast<size_t>(rank())]), {to, from},
              [&](c10d::Backend& backend) { return backend.alltoall_base(to, from, got, sent); })
      .wait();
  return came;
}

std::vector<std::string> Group::gather(const std::string& text) const {
  if (alone()) return {text};
  const auto ranks = static_cast<size_t>(size());
  const at::TensorOptions options = at::TensorOptions().device(at::kCPU);
  at::Tensor lengths = at::empty({size()}, options.dtype(at::kLong));
  gather(lengths, at::full({1}, static_cast<int64_t>(text.size()), options.dtype(at::kLong)));
  const int64_t longest = lengths.max().item<int64_t>();
  std::vector<std::string> texts(ranks);
  if (longest == 0) return texts;
  at::Tensor mine = at::zeros({longest}, options.dtype(at::kByte));
  if (!text.empty()) std::memcpy(mine.data_ptr(), text.data(), text.size());
  at::Tensor all = at::empty({size(), longest}, mine.options());
  gather(all, mine);
  for (size_t r = 0; r < ranks; ++r) {
    const auto length = static_cast<size_t>(lengths[static_cast<int64_t>(r)].item<int64_t>());
    const auto* first = all.const_data_ptr<uint8_t>() + static_cast<int64_t>(r) * longest;
    texts[r].assign(first, first + length);
  }
  return texts;
}

double Group::largest(double number) const {
  if (alone()) return number;
  const at::Tensor all = at::empty({size()}, at::kDouble);
  gather(all, at::full({1}, number, at::kDouble));
  return all.max().item<double>();
}

void Group::barrier() const {
  if (alone()) return;
  state_->begin("barrier", 0, {}, [](c10d::Backend& backend) { return backend.barrier(); }).wait();
}

}  // namespace golong::parallel
