// Generates groups: each prompt computed once, its keys and values shared by the n responses, continuous batching over
// responses. The engine uses the trainer's own parameters: an update costs nothing.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/data/group.h"
#include "core/model/model.h"
#include "core/rollout/sampling.h"

namespace golong {

struct Sampling {
  int64_t n = 1;
  int64_t max_response_tokens = 256;
  CutOffs cut_offs;
  std::vector<int32_t> stop_ids;  // end a response; part of it
};

enum class Stream : uint64_t { train = 0, eval = 1 };

struct EngineOptions {
  int64_t max_running_responses = 256;
  int64_t prefill_chunk_tokens = 2048;
  bool batch_invariant = false;
};

struct RolloutStats {
  int64_t prompt_tokens = 0;  // computed, each prompt once
  int64_t response_tokens = 0;
  double prefill_seconds = 0;
  double decode_seconds = 0;
};

class RolloutEngine {
 public:
  RolloutEngine(const Model& model, EngineOptions options);
  ~RolloutEngine();

  // Answers each prompt n times. Tokens depend on (seed, stream, prompt key and draw, sample, position, token id) and
  // the weights only. `text` is left empty (the caller decodes). Throws Stopped when `should_stop` returns true,
  // Error for empty prompts and prompts longer than the model's positions.
  std::vector<Group> generate(std::vector<Prompt> prompts, const Sampling& sampling, uint64_t seed, Stream stream,
                              int64_t weights_step, const std::function<bool()>& should_stop = {});

  const RolloutStats& stats() const;  // of the last call

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace golong
