// Generates groups: each prompt computed once, its keys and values shared by the n responses, continuous batching over
// responses within a memory budget. The engine uses the trainer's own parameters: an update costs nothing.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/data/group.h"
#include "core/model/model.h"
#include "core/rollout/sampling.h"
#include "core/rollout/stop_strings.h"

namespace golong {

struct Sampling {
  int64_t n = 1;
  int64_t max_response_tokens = 256;
  SamplingRule rule;
  std::vector<int32_t> stop_ids;  // end a response; part of it
  StopStrings stop;               // end it, too; their tokens are part of it, its text ends before them
};

enum class Stream : uint64_t { train = 0, eval = 1 };

// How errors speak of what a person can do about them, in the words of who asks.
struct EngineHints {
  std::string positions = "lower data.max_prompt_tokens";
  std::string memory =
      "raise rollout.kv_cache_bytes, lower data.max_prompt_tokens or rollout.max_response_tokens, or take "
      "model.dtype = \"bfloat16\"";
  std::string batch_invariant = "rollout.batch_invariant";  // what the option is called
};

struct EngineOptions {
  int64_t max_running_responses = 256;
  int64_t prefill_chunk_tokens = 0;  // 0: 2048 on the CPU, 8192 on CUDA
  int64_t kv_cache_bytes = 0;        // for keys and values; 0: half of the machine's memory, a third of CUDA's
  bool share_prefixes = true;  // prompts that begin alike are computed once up to where they differ, in pages of 64
  bool batch_invariant = false;
  EngineHints hints = {};
};

// Of one call of generate().
struct RolloutStats {
  int64_t prompt_tokens = 0;         // computed, each prompt once
  int64_t shared_prompt_tokens = 0;  // found in another prompt's pages
  int64_t response_tokens = 0;
  int64_t sent_back = 0;          // how often a response gave way for want of memory
  int64_t recomputed_tokens = 0;  // of prompts and responses, after they gave way
  int64_t kv_bytes = 0;           // most bytes of keys and values at a time, those that are kept for others included
  double first_token_seconds = 0;
  double prefill_seconds = 0;
  double decode_seconds = 0;
};

// What a caller hears of while it waits. All may be empty.
struct RolloutHooks {
  std::function<bool()> should_stop;                                // asked before each pass of the model
  std::function<void(const Group& group, size_t sample)> on_token;  // a response has grown by one
  // Asked while all prompts have entered and there is room for more responses, with the number of groups that run and
  // of responses that there is room for: more prompts, or none for now. Their groups stand behind the others.
  std::function<std::vector<Prompt>(int64_t running, int64_t room)> more;
  // All responses of a group are done; `index` counts prompts in the order in which they were given. What is taken from
  // the group is not in the result.
  std::function<void(size_t index, Group& group)> on_done;
};

class RolloutEngine {
 public:
  RolloutEngine(const Model& model, EngineOptions options);
  ~RolloutEngine();

  // Answers each prompt n times. Tokens depend on (seed, stream, prompt key and draw, sample, position, token id) and
  // the weights only. `weights_step` names the weights: where it and the stream are those of the last call, prompts
  // that were computed then are found again. `text` is left empty (the caller decodes). Throws Stopped when
  // `should_stop` returns true, Error for empty prompts and prompts that do not fit the model or the memory, before
  // anything is computed.
  //
  // Ranks that share the model's experts call it together, each with its own prompts, of which there may be none, and
  // return together: who is done runs the others' passes over no rows. Where one is stopped all are.
  std::vector<Group> generate(std::vector<Prompt> prompts, const Sampling& sampling, uint64_t seed, Stream stream,
                              int64_t weights_step, const RolloutHooks& hooks = {});

  // What generate() throws for this prompt.
  void check(const Prompt& prompt, const Sampling& sampling) const;

  // Forgets the prompts that are kept for a next call, and gives the memory of keys and values back.
  void give_back();

  const RolloutStats& stats() const;  // of the last call
  int64_t page_bytes() const;         // of 64 tokens' keys and values

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace golong
