#include "core/cli/memory_plan.h"

#include <algorithm>
#include <numeric>
#include <sstream>
#include <utility>

#include "core/model/parameter_count.h"
#include "core/rollout/page_layout.h"
#include "core/scale/update_memory.h"
#include "core/train/draw_size.h"

namespace golong {
namespace {

template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return stream.str();
}

LongestGroup longest_of(const Config& config, const ModelShape& shape) {
  const int64_t prompt = std::min(config.data.max_prompt_tokens, shape.max_positions - 1);
  return {prompt, std::min(config.rollout.max_response_tokens, shape.max_positions - prompt), config.rollout.n};
}

// Keys and values of a draw: its prompts, whose pages stay for others that begin alike, and the running responses.
int64_t needed_page_bytes(const Config& config, const ModelShape& shape, const LongestGroup& longest, int64_t number) {
  const int64_t prompts = draw_size(config.train);
  const int64_t running = std::min(config.rollout.max_running_responses, prompts * longest.n);
  const int64_t page = shape.layers * shape.kv_heads * PageLayout{shape.head_dim}.size() * number;
  return page * (prompts * pages_of(longest.prompt) + running * pages_of(longest.response));
}

int64_t sum(const std::vector<MemoryPart>& parts, int64_t MemoryPart::*phase) {
  return std::accumulate(parts.begin(), parts.end(), int64_t{0},
                         [&](int64_t bytes, const MemoryPart& part) { return bytes + part.*phase; });
}

// Of a plan that is being made. On the CPU what one phase is done with counts in the other, too: it is not known
// beforehand what malloc finds of it again. CUDA's allocator gives it back.
class Parts {
 public:
  explicit Parts(bool on_cpu) : on_cpu_(on_cpu) {}

  void always(const char* name, int64_t bytes, const std::string& how) {
    plan.parts.push_back({name, bytes, bytes, how});
  }
  void generating(const char* name, int64_t bytes, const std::string& how) {
    plan.parts.push_back({name, bytes, on_cpu_ ? bytes : 0, how});
  }
  void updating(const char* name, int64_t bytes, const std::string& how, int64_t stays = 0) {
    plan.parts.push_back({name, on_cpu_ ? bytes : stays, bytes, how});
  }
  // In the CPU's memory, wherever the model is.
  void on_host(const char* name, int64_t bytes, const std::string& how) {
    (on_cpu_ ? plan.parts : plan.host).push_back({name, bytes, bytes, how});
  }

  MemoryPlan plan;

 private:
  bool on_cpu_;
};

void add_weights(const Config& config, int64_t count, const UpdateMemory& update, Parts& parts) {
  const bool is_float = config.model.dtype == "float32";
  parts.always("weights", count * (is_float ? 4 : 2), text(count, " parameters in ", config.model.dtype));
  parts.updating("gradients", count * 4 + update.gradients,
                 is_float ? "float32" : "sums in float32; at the peak, in bfloat16, those of a micro-batch so far",
                 count * 4);
  const char* const moments = is_float ? "two moments in float32" : "two moments and the weights in float32";
  const int64_t state = count * (is_float ? 8 : 12);
  config.train.optimizer_device == "cpu" ? parts.on_host("optimizer", state, moments)
                                         : parts.always("optimizer", state, moments);
}

void add_keys_and_values(const Config& config, int64_t needed, int64_t memory, Parts& parts) {
  const bool on_cpu = config.model.device == "cpu";
  const int64_t given = config.rollout.kv_cache_bytes;
  const int64_t budget = given > 0 ? given : memory / (on_cpu ? 2 : 3);
  if (on_cpu) {
    parts.generating(
        "keys_and_values", std::min(budget, needed),
        text("of ", needed, " that the longest prompts and responses need, rollout.kv_cache_bytes allows ", budget));
  } else {  // the first prompt takes all of it
    parts.generating(
        "keys_and_values", budget,
        text("rollout.kv_cache_bytes, until each update; the longest prompts and responses need ", needed));
  }
}

}  // namespace

int64_t MemoryPlan::generating() const { return sum(parts, &MemoryPart::generating); }
int64_t MemoryPlan::updating() const { return sum(parts, &MemoryPart::updating); }

MemoryPlan plan_memory(const Config& config, const ModelShape& shape, const std::optional<ModelShape>& reference,
                       int64_t memory) {
  const int64_t number = config.model.dtype == "float32" ? 4 : 2, count = parameter_count(shape);
  const bool on_cpu = config.model.device == "cpu";
  const LongestGroup longest = longest_of(config, shape);
  const UpdateKernels kernels = on_cpu ? UpdateKernels::cpu(number) : UpdateKernels::cuda(number);
  const UpdateMemory update = update_memory(config.train, shape, longest, kernels);
  Parts parts(on_cpu);
  add_weights(config, count, update, parts);
  if (reference) parts.always("reference", parameter_count(*reference) * number, "the frozen model of train.kl");
  parts.updating(
      "activations", update.activations,
      text(update.tokens, " tokens together, ", update.recomputed, " of ", shape.layers, " layers recomputed"));
  parts.updating("logprobs", update.logprobs,
                 "tiles of logits, hidden states of the responses; 0 where a layer's backward pass takes more");
  if (config.checkpoint.background && config.checkpoint.every > 0) {
    parts.on_host("checkpoint", count * (number == 4 ? 12 : 14), "a copy of weights and optimizer while it is written");
  }
  add_keys_and_values(config, needed_page_bytes(config, shape, longest, number), memory, parts);
  parts.plan.tokens = update.tokens;
  parts.plan.recomputed = update.recomputed;
  return std::move(parts.plan);
}

}  // namespace golong
