#include "core/train/passes.h"

#include <c10/core/GradMode.h>

#include <algorithm>

#include "core/train/forward.h"
#include "core/train/packing.h"

namespace golong {
namespace {

void micro_batch(const Model& model, const std::vector<const Group*>& groups, const PassRules& rules,
                 const PassVisitor& visitor) {
  const Packed packed = pack(groups, model.device(), rules.share_prefix);
  std::vector<Slice> slices;
  slices.reserve(groups.size());
  for (const Group* group : groups) slices.push_back({group, {0, group->responses.size()}});
  const int64_t tokens = packed.token_ids.size(0);
  visitor.computed(tokens);
  visitor.forward(slices, response_logprobs(model, packed, rules.temperature, rules.recomputed(tokens)));
}

// A rank that has no large group in this round runs the passes of one without tokens.
void large_group(const Model& model, const Rounds::Large& large, const PassRules& rules, const PassVisitor& visitor) {
  static const Group kNone;
  const Group& group = large.group ? *large.group : kNone;
  std::vector<ResponseRange> parts = response_parts(group, rules.token_budget);
  int64_t longest = 0;
  for (const ResponseRange& range : parts) longest = std::max(longest, tokens_of(group, range));
  const auto prompt_tokens = static_cast<int64_t>(group.prompt.token_ids.size());
  KeptPrompt prompt(model, group.prompt.token_ids, rules.recomputed(prompt_tokens + longest));
  const size_t last = group.responses.size();
  parts.resize(static_cast<size_t>(large.parts), {last, last});
  for (const ResponseRange& range : parts) {
    visitor.forward({{&group, range}}, prompt.logprobs(group, range, rules.temperature));
  }
  visitor.computed(packed_tokens(group));
  if (!c10::GradMode::is_enabled()) return;
  prompt.backward();
  visitor.prompt_backward();
}

}  // namespace

void run_passes(const Model& model, const Rounds& rounds, const PassRules& rules, const PassVisitor& visitor) {
  for (const auto& groups : rounds.micro_batches) micro_batch(model, groups, rules, visitor);
  for (const Rounds::Large& large : rounds.large) large_group(model, large, rules, visitor);
}

}  // namespace golong
