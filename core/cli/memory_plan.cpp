#include "core/cli/memory_plan.h"

#include <algorithm>
#include <sstream>

#include "core/model/activations.h"
#include "core/model/parameter_count.h"
#include "core/nn/logprob_tile.h"
#include "core/rollout/page_layout.h"
#include "core/train/draw_size.h"

namespace golong {
namespace {

template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return stream.str();
}

// Tokens of the longest group that the config allows.
struct Longest {
  int64_t prompt, response, n;

  int64_t tokens(bool share_prefix) const { return (share_prefix ? prompt : n * prompt) + n * response; }
};

Longest longest_of(const Config& config, const ModelShape& shape) {
  const int64_t prompt = std::min(config.data.max_prompt_tokens, shape.max_positions - 1);
  return {prompt, std::min(config.rollout.max_response_tokens, shape.max_positions - prompt), config.rollout.n};
}

// The largest forward and backward pass: tokens, those of responses among them, and those of a prompt that is kept
// while its responses are run part by part.
struct Pass {
  int64_t tokens, response_tokens, kept_prompt = 0;
};

// See Learner::mini_batch, train/packing.h and response_parts.
Pass largest_pass(const TrainConfig& train, const Longest& longest) {
  const int64_t group = longest.tokens(train.share_prefix), responses = longest.n * longest.response;
  const int64_t budget = train.micro_batch_tokens;
  if (group <= budget) {
    const int64_t step = train.mini_batch_prompts > 0 ? train.mini_batch_prompts : train.prompts_per_step;
    // Shorter groups fill the micro-batch, if there are enough of them.
    return {std::min(budget, group * step), std::min(budget, responses * step)};
  }
  if (!train.share_prefix) return {group, responses};
  const int64_t room = std::max(budget - longest.prompt, budget / 4);
  const int64_t together = std::clamp(room / longest.response, int64_t{1}, longest.n);
  return {longest.prompt + together * longest.response, together * longest.response, longest.prompt};
}

// See train/kept_prompt.h: keys and values, of recomputed layers beside what those keep, and their gradients.
int64_t kept_prompt_bytes(const ModelShape& shape, const Pass& pass, int64_t recomputed, int64_t number) {
  const int64_t layer = 2 * shape.kv_heads * shape.head_dim * pass.kept_prompt * number;
  return layer * (shape.layers + recomputed);
}

// Logits in tiles, the hidden states of the tokens that are predicted and their gradients.
int64_t logprob_bytes(const ModelShape& shape, const Pass& pass, int64_t number) {
  const int64_t tile =
      std::min(pass.response_tokens, nn::kCpuTile.tokens) * std::min(shape.vocabulary, nn::kCpuTile.vocabulary);
  const int64_t tiles = number == 4 ? 1 : 2;  // a copy in the model's dtype beside the one in float32
  return tiles * tile * 4 + pass.response_tokens * shape.hidden * (number + 4) +
         2 * pass.tokens * shape.hidden * number;
}

// Keys and values of a draw: its prompts, whose pages stay for others that begin alike, and the running responses.
int64_t needed_page_bytes(const Config& config, const ModelShape& shape, const Longest& longest, int64_t number) {
  const int64_t prompts = draw_size(config.train);
  const int64_t running = std::min(config.rollout.max_running_responses, prompts * longest.n);
  const int64_t page = shape.layers * shape.kv_heads * PageLayout{shape.head_dim}.size() * number;
  return page * (prompts * pages_of(longest.prompt) + running * pages_of(longest.response));
}

}  // namespace

int64_t MemoryPlan::total() const {
  int64_t sum = 0;
  for (const MemoryPart& part : parts) sum += part.bytes;
  return sum;
}

MemoryPlan plan_memory(const Config& config, const ModelShape& shape, const std::optional<ModelShape>& reference,
                       int64_t memory) {
  const int64_t number = config.model.dtype == "float32" ? 4 : 2, count = parameter_count(shape);
  const bool on_cpu = config.model.device == "cpu";
  const Longest longest = longest_of(config, shape);
  const Pass pass = largest_pass(config.train, longest);
  MemoryPlan plan;
  plan.tokens = pass.tokens;
  plan.recomputed =
      recomputed_layers(shape, pass.tokens, number, config.train.recompute, config.train.activation_bytes);
  const auto add = [&](const char* name, int64_t bytes, const std::string& how) {
    plan.parts.push_back({name, bytes, how});
  };
  add("weights", count * number, text(count, " parameters in ", config.model.dtype));
  if (number == 4) {
    add("gradients", count * 4, "float32");
    add("optimizer", count * 8, "two moments in float32");
  } else {
    add("gradients", count * (number + 4), "of a micro-batch in bfloat16, their sum in float32");
    add("optimizer", count * 12, "two moments and the weights in float32");
  }
  if (reference) add("reference", parameter_count(*reference) * number, "the frozen model of train.kl");
  add("activations",
      activation_bytes(shape, plan.recomputed, pass.tokens, number) + backward_bytes(shape, pass.tokens, number) +
          kept_prompt_bytes(shape, pass, plan.recomputed, number),
      text(pass.tokens, " tokens together, ", plan.recomputed, " of ", shape.layers, " layers recomputed"));
  add("logprobs", logprob_bytes(shape, pass, number), "tiles of logits, hidden states of the responses");
  const int64_t budget = config.rollout.kv_cache_bytes > 0 ? config.rollout.kv_cache_bytes : memory / (on_cpu ? 2 : 3);
  const int64_t needed = needed_page_bytes(config, shape, longest, number);
  if (on_cpu && config.checkpoint.background && config.checkpoint.every > 0) {
    add("checkpoint", count * (number == 4 ? 12 : 14), "a copy of weights and optimizer while it is written");
  }
  add("keys_and_values", std::min(budget, needed),
      text("of ", needed, " that the longest prompts and responses need, rollout.kv_cache_bytes allows ", budget));
  return plan;
}

}  // namespace golong
