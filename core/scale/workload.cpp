#include "core/scale/workload.h"

#include <algorithm>

namespace golong::scale {
namespace {

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

int64_t ranks_of(const ParallelConfig& mesh) { return mesh.replicate * mesh.shard * mesh.context * mesh.expert; }
int64_t parts_of(const ParallelConfig& mesh) { return mesh.replicate * mesh.shard * mesh.expert; }

std::vector<Pass> passes_of(const Workload& work, const GroupSize& size, const ParallelConfig& mesh) {
  const GroupSize group = work.update_group(size);
  const int64_t budget = work.micro_batch_tokens, mine = divide_up(work.update_groups(), parts_of(mesh));
  if (group.tokens() <= budget) {
    const int64_t together = std::min(budget / group.tokens(), mine), whole = mine / together, rest = mine % together;
    std::vector<Pass> passes{{whole, together, true, together * group.n}};
    if (rest > 0) passes.push_back({1, rest, true, rest * group.n});
    return passes;
  }
  if (!work.share_prefix) return {{mine, 1, true, 1}};
  const int64_t room = std::max(budget - group.prompt, budget / 4);
  const int64_t together = std::clamp(room / group.response, int64_t{1}, group.n);
  std::vector<Pass> passes{{mine, 1, true, 0}, {mine * (group.n / together), 1, false, together}};
  if (const int64_t rest = group.n % together; rest > 0) passes.push_back({mine, 1, false, rest});
  return passes;
}

int64_t prompt_rows(int64_t prompt, int64_t context_ranks) {
  return context_ranks == 1 ? prompt : 2 * divide_up(prompt, 2 * context_ranks);
}

PassSize rank_share(const Pass& pass, const GroupSize& size, const ParallelConfig& mesh) {
  const auto groups = static_cast<double>(pass.groups), ranks = static_cast<double>(mesh.context);
  const auto prompt = static_cast<double>(size.prompt);
  PassSize share;
  if (pass.prompts) {
    share.tokens = groups * static_cast<double>(prompt_rows(size.prompt, mesh.context));
    share.pairs = groups * prompt * (prompt + 1) / 2 / ranks;  // the chunks balance the triangle
  }
  const int64_t responses = divide_up(pass.responses, mesh.context);
  for (int64_t i = 0; i < responses; ++i) share.add_response(static_cast<double>(size.response), prompt);
  return share;
}

}  // namespace golong::scale
