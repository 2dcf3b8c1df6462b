#include "core/rollout/benchmark.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/nn/device.h"
#include "core/nn/machine_speed.h"
#include "core/rollout/engine.h"
#include "core/rollout/kv_pages.h"

namespace golong {
namespace {

std::vector<Prompt> random_prompts(const RolloutWork& work, int64_t vocabulary) {
  std::vector<Prompt> prompts;
  for (int64_t g = work.first_group; g < work.first_group + work.groups; ++g) {
    RandomSequence random(random_key({static_cast<uint64_t>(g)}));
    Prompt& prompt = prompts.emplace_back();
    prompt.uid = std::to_string(g);
    prompt.key = static_cast<uint64_t>(g);
    for (int64_t i = 0; i < work.prompt_tokens; ++i) {
      prompt.token_ids.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(vocabulary))));
    }
  }
  return prompts;
}

// What one decode step has to do at least, averaged over the steps.
struct LeastWork {
  double bytes = 0, flops = 0;
};

LeastWork least_work(const Model& model, const RolloutWork& work) {
  const ModelShape& shape = model.shape();
  const double rows = static_cast<double>(work.groups * work.n);
  // Of ranks that share experts each keeps some, which meet the rows of all.
  const auto expert_ranks = static_cast<double>(model.expert_ranks().size());
  double touched = 0, multiplied = 0;  // weights: read by a step, and of one row's products
  for (const auto& [name, tensor] : model.parameters()) {
    const auto count = static_cast<double>(tensor.numel());
    if (name == "model.embed_tokens.weight" && !shape.tied) continue;  // one row of it for each token
    const bool expert = is_of_expert(name);
    const double share =
        static_cast<double>(shape.experts.per_token) / static_cast<double>(std::max<int64_t>(1, shape.experts.count));
    touched += count * (expert ? std::min(1.0, expert_ranks * rows * share) : 1.0);
    multiplied += count * (expert ? expert_ranks * share : 1.0);
  }
  const double own = static_cast<double>(work.new_tokens) / 2, prompt = static_cast<double>(work.prompt_tokens);
  const double heads = static_cast<double>(shape.layers * shape.head_dim);
  const double kv =
      2 * heads * static_cast<double>(shape.kv_heads) * (static_cast<double>(work.groups) * prompt + rows * own);
  return {(touched + kv) * static_cast<double>(c10::elementSize(model.dtype())),
          rows * (2 * multiplied + 4 * heads * static_cast<double>(shape.heads) * (prompt + own))};
}

}  // namespace

RolloutSpeed measure_rollout(const Model& model, const RolloutWork& work, const parallel::Group& ranks) {
  if (const int64_t tokens = work.prompt_tokens + work.new_tokens; tokens > model.shape().max_positions) {
    fail("a prompt of ", work.prompt_tokens, " and a response of ", work.new_tokens,
         " tokens are more than the model's ", model.shape().max_positions, " positions");
  }
  RolloutSpeed speed;
  const nn::PeakMemory memory(model.device());
  Sampling sampling;
  sampling.n = work.n;
  sampling.max_response_tokens = work.new_tokens;
  int64_t page_bytes = 0;
  RolloutStats best;
  for (int64_t i = 0; i < work.repetitions; ++i) {
    RolloutEngine engine(model, {.max_running_responses = work.n * work.groups});
    page_bytes = engine.page_bytes();
    ranks.barrier();
    const double seconds = ranks.largest(nn::fastest_seconds(
        1, [&] { engine.generate(random_prompts(work, model.shape().vocabulary), sampling, 0, Stream::eval, i); }));
    if (i > 0 && seconds >= speed.seconds) continue;
    speed.seconds = seconds;
    best = engine.stats();
  }
  speed.peak_bytes = memory.above();
  ranks.barrier();  // the machine is then measured with as many at work as there were
  speed.memory_bandwidth = nn::measure_bandwidth(model.device());
  speed.matmul_flops = nn::measure_matmul(model.dtype(), model.device());
  speed.first_token_seconds = best.first_token_seconds;
  speed.prefill_tokens = static_cast<double>(best.prompt_tokens) / best.prefill_seconds;
  const int64_t rows = work.n * work.groups;
  speed.decode_tokens = static_cast<double>(best.response_tokens - rows) / best.decode_seconds;
  speed.kv_bytes = best.kv_bytes;
  // The last token's keys and values are never computed.
  speed.kv_formula_bytes =
      (work.groups * pages_of(work.prompt_tokens) + rows * pages_of(work.new_tokens - 1)) * page_bytes;
  const LeastWork least = least_work(model, work);
  const double step = best.decode_seconds / static_cast<double>(work.new_tokens - 1);
  speed.decode_bandwidth_share = least.bytes / speed.memory_bandwidth / step;
  speed.decode_matmul_share = least.flops / speed.matmul_flops / step;
  return speed;
}

}  // namespace golong
