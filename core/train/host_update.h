// AdamW of a model on a device, by the CPU: moments and master weights stay in the CPU's memory, gradients come to it
// and weights go back.
#pragma once
#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

#include "core/nn/device.h"
#include "core/train/adamw_update.h"

namespace golong {

// A parameter. The first two lie on the device, the others on the CPU; all are dense, and float32 but for `weight`.
struct HostParameter {
  at::Tensor weight, gradient;
  at::Tensor master;  // undefined where `weight` is float32 itself, which is fetched then
  at::Tensor first, second;
  AdamWNumbers numbers;
};

// Works in pieces of `piece` numbers, through buffers that it keeps: while the CPU computes one piece the next one's
// gradient is on its way, and so are the weights of the one before. Not thread-safe.
class HostUpdate {
 public:
  static constexpr int64_t kPiece = int64_t{1} << 22;  // of gradients 16 MB: long enough for a copy's full speed

  explicit HostUpdate(int64_t piece = kPiece) : piece_(piece) {}

  // Updates all; they lie on one device and have weights of one dtype. Work that is given to the device afterwards sees
  // the new weights. The numbers are those of adamw_update over each parameter as a whole.
  void run(const std::vector<HostParameter>& parameters);

 private:
  struct Piece {
    const HostParameter* parameter;
    int64_t begin, count;
  };
  // Pinned where the device is CUDA, so that copies run beside the CPU's work.
  struct Buffer {
    at::Tensor gradient, weight;
    nn::DeviceMark fetched;
  };
  void make_buffers(const HostParameter& like, int64_t numbers);
  static void fetch(const Piece& piece, Buffer& buffer);
  static void compute(const Piece& piece, const Buffer& buffer);

  int64_t piece_;
  std::array<Buffer, 2> buffers_;
};

}  // namespace golong
