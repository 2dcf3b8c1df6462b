#include "core/train/run_passes.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "core/train/forward.h"
#include "core/train/kept_prompt.h"

namespace golong {
namespace {

// The log-probabilities of some slices' tokens go to their responses.
void add(const std::vector<Slice>& slices, const at::Tensor& logprobs, GroupLogprobs& to) {
  const at::Tensor values = logprobs.to(at::kCPU).contiguous();
  const auto* next = values.const_data_ptr<float>();
  for (const Slice& slice : slices) {
    std::vector<std::vector<float>>& responses = to[slice.group];
    responses.resize(slice.group->responses.size());
    for (const size_t i : slice.responses) {
      const size_t tokens = slice.group->responses[i].token_ids.size();
      responses[i].assign(next, next + tokens);
      next += tokens;
    }
  }
}

}  // namespace

void run_passes(const Model& model, const Passes& passes, const PassRules& rules, const PassVisitor& visitor) {
  const int64_t contexts = rules.context.size();
  for (const std::vector<const Group*>& groups : passes.packed) {
    const Packed packed = pack(groups, model.device(), rules.share_prefix, rules.context);
    const int64_t recomputed = rules.recomputed(most_tokens(groups, rules.share_prefix, contexts));
    visitor.forward(packed.slices, response_logprobs(model, packed, rules.temperature, recomputed));
  }
  for (const LargePass& large : passes.large) {
    KeptPrompt prompt(model, large.group, rules.recomputed(most_tokens(large, contexts)), rules.context);
    for (const Part& part : large.parts) {
      visitor.forward(prompt.slices(part), prompt.logprobs(part, rules.temperature));
    }
    if (!c10::GradMode::is_enabled()) continue;
    prompt.backward();
    visitor.prompt_backward();
  }
}

void add_logprobs(const Model& model, const Passes& passes, const PassRules& rules, GroupLogprobs& to) {
  const c10::NoGradGuard no_grad;
  run_passes(model, passes, rules,
             {.forward = [&](const std::vector<Slice>& slices,
                             const nn::TokenLogprobs& logprobs) { add(slices, logprobs.logprobs, to); },
              .prompt_backward = {}});
}

}  // namespace golong
