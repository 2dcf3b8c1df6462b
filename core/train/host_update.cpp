#include "core/train/host_update.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cassert>

namespace golong {
namespace {

// The numbers begin .. begin + count - 1 of a dense tensor.
at::Tensor part(const at::Tensor& x, int64_t begin, int64_t count) {
  assert(x.is_contiguous());
  return x.view({-1}).narrow(0, begin, count);
}

}  // namespace

void HostUpdate::run(const std::vector<HostParameter>& parameters) {
  std::vector<Piece> pieces;
  int64_t longest = 0;
  for (const HostParameter& parameter : parameters) {
    for (int64_t begin = 0; begin < parameter.weight.numel(); begin += piece_) {
      pieces.push_back({&parameter, begin, std::min(piece_, parameter.weight.numel() - begin)});
      longest = std::max(longest, pieces.back().count);
    }
  }
  if (pieces.empty()) return;
  make_buffers(parameters[0], longest);
  constexpr size_t ahead = std::tuple_size_v<decltype(buffers_)>;
  for (size_t i = 0; i < std::min(ahead, pieces.size()); ++i) fetch(pieces[i], buffers_[i]);
  for (size_t i = 0; i < pieces.size(); ++i) {
    const auto& [parameter, begin, count] = pieces[i];
    Buffer& buffer = buffers_[i % ahead];
    // A device does what it is asked to in order: what this buffer sent before has left it, too.
    buffer.fetched.wait();
    compute(pieces[i], buffer);
    part(parameter->weight, begin, count).copy_(part(buffer.weight, 0, count), /*non_blocking=*/true);
    if (i + ahead < pieces.size()) fetch(pieces[i + ahead], buffer);
  }
}

// Of at least `numbers` numbers.
void HostUpdate::make_buffers(const HostParameter& like, int64_t numbers) {
  for (Buffer& buffer : buffers_) {
    if (buffer.gradient.defined() && buffer.gradient.numel() >= numbers) continue;
    const auto host = at::TensorOptions(at::kCPU).pinned_memory(like.weight.is_cuda());
    buffer.gradient = at::empty({numbers}, host.dtype(at::kFloat));
    buffer.weight = at::empty({numbers}, host.dtype(like.weight.scalar_type()));
  }
}

void HostUpdate::fetch(const Piece& piece, Buffer& buffer) {
  const auto& [parameter, begin, count] = piece;
  part(buffer.gradient, 0, count).copy_(part(parameter->gradient, begin, count), /*non_blocking=*/true);
  if (!parameter->master.defined()) {
    part(buffer.weight, 0, count).copy_(part(parameter->weight, begin, count), /*non_blocking=*/true);
  }
  buffer.fetched.set(parameter->weight.device());
}

// The new weights are in the buffer then.
void HostUpdate::compute(const Piece& piece, const Buffer& buffer) {
  const auto& [parameter, begin, count] = piece;
  const at::Tensor weight = part(buffer.weight, 0, count);
  const at::Tensor master = parameter->master.defined() ? part(parameter->master, begin, count) : weight;
  adamw_update(master, part(buffer.gradient, 0, count), part(parameter->first, begin, count),
               part(parameter->second, begin, count), parameter->numbers);
  if (parameter->master.defined()) weight.copy_(master);
}

}  // namespace golong
