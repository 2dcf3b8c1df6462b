// How fast the rollout engine generates, beside what the machine can do: what `golong bench rollout` measures.
#pragma once
#include <cstdint>

#include "core/model/model.h"
#include "core/parallel/group.h"

namespace golong {

struct RolloutWork {
  int64_t prompt_tokens = 2048;
  int64_t n = 16;
  int64_t new_tokens = 128;  // of each response; nothing stops one before
  int64_t groups = 1;        // prompts of random tokens, with nothing in common
  int64_t first_group = 0;   // other ranks have other prompts
  int64_t repetitions = 3;   // the fastest counts
};

// Times in seconds, rates for a second, memory in bytes.
struct RolloutSpeed {
  double seconds = 0;              // for everything
  double first_token_seconds = 0;  // until the first token is there
  double prefill_tokens = 0;       // prompt tokens a second, each prompt counted once
  double decode_tokens = 0;        // new tokens a second after the first ones
  int64_t kv_bytes = 0;            // keys and values in use, at most
  int64_t kv_formula_bytes = 0;    // pages of the prompts, once each, and of the responses
  int64_t peak_bytes = 0;          // of the process, above the memory after the weights are loaded
  // Measured on this machine in the same run.
  double memory_bandwidth = 0;  // bytes read a second
  double matmul_flops = 0;      // in the model's dtype
  // What decoding has to do at least, for a token of each response: read all weights once and each key and value once,
  // and multiply. The share of the time that this takes at the rates above.
  double decode_bandwidth_share = 0;
  double decode_matmul_share = 0;
};

// All of `ranks` call it together and begin each repetition together: `seconds` are those of the slowest rank.
RolloutSpeed measure_rollout(const Model& model, const RolloutWork& work, const parallel::Group& ranks = {});

}  // namespace golong
