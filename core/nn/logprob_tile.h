// How much of the [tokens, vocabulary] matrix is there at a time. Needs no LibTorch.
#pragma once
#include <cstdint>

namespace golong::nn {

// A part of the matrix, in float32. 0: what fits the device.
struct LogprobTile {
  int64_t tokens = 0;
  int64_t vocabulary = 0;
};

inline constexpr LogprobTile kCpuTile{2048, 4096};    // 32 MB
inline constexpr LogprobTile kCudaTile{4096, 16384};  // 256 MB

}  // namespace golong::nn
