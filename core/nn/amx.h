// The CPU's matrix unit (Intel AMX): eight tiles for each thread, of 16 rows of 64 bytes, and products of tiles of
// bfloat16 that are added up in float32. A tile is loaded from rows that lie any distance apart.
#pragma once
#include <cstdint>

#include "core/nn/vector_math.h"

namespace golong::nn {

// Whether this machine has it and the kernel lets the process use it. Asks the kernel at the first call.
bool has_amx();

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define GOLONG_AMX 1

// While one lives the tiles of its thread are configured. What was before is so again afterwards: oneDNN and MKL use
// tiles, too, and may leave theirs configured for their next product.
class AmxTiles {
 public:
  AmxTiles() {
    alignas(64) uint8_t config[64] = {1};  // the palette
    for (int tile = 0; tile < 8; ++tile) {
      config[16 + 2 * tile] = 64;  // bytes of a row
      config[48 + tile] = 16;      // rows
    }
    asm volatile("sttilecfg %0" : "=m"(before_)::"memory");
    asm volatile("ldtilecfg %0" ::"m"(config) : "memory");
  }
  ~AmxTiles() { asm volatile("ldtilecfg %0" ::"m"(before_) : "memory"); }
  AmxTiles(const AmxTiles&) = delete;
  AmxTiles& operator=(const AmxTiles&) = delete;

 private:
  alignas(64) uint8_t before_[64];
};

// Where a tile's rows lie: the first, and the bytes from one to the next.
template <int Tile>
GOLONG_INLINE void load_tile(const void* from, int64_t row) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(row), "i"(Tile) : "memory");
}
template <int Tile>
GOLONG_INLINE void store_tile(void* to, int64_t row) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(row), "i"(Tile) : "memory");
}
template <int Tile>
GOLONG_INLINE void clear_tile() {
  asm volatile("tilezero %%tmm%c0" ::"i"(Tile));
}
// sum [16][16] float32 += a [16][32] b, where b has [16][16] pairs of numbers, one below the other in its matrix.
template <int Sum, int A, int B>
GOLONG_INLINE void multiply_tiles() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(Sum), "i"(A), "i"(B));
}

#endif

}  // namespace golong::nn
