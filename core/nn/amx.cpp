#include "core/nn/amx.h"

#ifdef GOLONG_AMX
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace golong::nn {

bool has_amx() {
#ifdef GOLONG_AMX
  static const bool usable = [] {
    constexpr long kRequestPermission = 0x1023, kTileData = 18;  // of arch_prctl; the 8 KB of state that a thread gets
    return __builtin_cpu_supports("amx-bf16") && __builtin_cpu_supports("x86-64-v4") &&
           syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  }();
  return usable;
#else
  return false;
#endif
}

}  // namespace golong::nn
