#include "core/rollout/options.h"

#include <utility>

namespace golong {

EngineOptions engine_options(const RolloutConfig& config) {
  return {.max_running_responses = config.max_running_responses,
          .prefill_chunk_tokens = config.prefill_chunk_tokens,
          .kv_cache_bytes = config.kv_cache_bytes,
          .share_prefixes = config.share_prefixes,
          .batch_invariant = config.batch_invariant};
}

Sampling train_sampling(const Config& config, std::vector<int32_t> stop_ids,
                        const std::shared_ptr<const Tokenizer>& tokenizer) {
  const RolloutConfig& rollout = config.rollout;
  return {.n = rollout.n,
          .max_response_tokens = rollout.max_response_tokens,
          .rule = {.repetition_penalty = rollout.repetition_penalty,
                   .temperature = rollout.temperature,
                   .top_k = rollout.top_k,
                   .top_p = rollout.top_p,
                   .min_p = rollout.min_p},
          .stop_ids = std::move(stop_ids),
          .stop = {config.rollout.stop, tokenizer}};
}

Sampling eval_sampling(const Config& config, std::vector<int32_t> stop_ids,
                       const std::shared_ptr<const Tokenizer>& tokenizer) {
  const EvalConfig& eval = config.eval;
  return {.n = eval.n,
          .max_response_tokens = eval.max_response_tokens,
          .rule = {.temperature = eval.temperature, .top_k = eval.top_k, .top_p = eval.top_p, .min_p = eval.min_p},
          .stop_ids = std::move(stop_ids),
          .stop = {config.rollout.stop, tokenizer}};
}

}  // namespace golong
