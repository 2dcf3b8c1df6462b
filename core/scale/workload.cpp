#include "core/scale/workload.h"

#include <algorithm>

namespace golong::scale {
namespace {

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

int64_t ranks_of(const ParallelConfig& mesh) { return mesh.replicate * mesh.shard * mesh.context * mesh.expert; }
int64_t parts_of(const ParallelConfig& mesh) { return mesh.replicate * mesh.shard * mesh.expert; }

int64_t prompt_rows(int64_t prompt, int64_t rank, int64_t ranks) {
  const auto chunk = [&](int64_t index) { return prompt * (index + 1) / (2 * ranks) - prompt * index / (2 * ranks); };
  return chunk(rank) + chunk(2 * ranks - 1 - rank);
}

int64_t most_prompt_rows(int64_t prompt, int64_t ranks) {
  int64_t most = 0;
  for (int64_t rank = 0; rank < ranks; ++rank) most = std::max(most, prompt_rows(prompt, rank, ranks));
  return most;
}

// As train/passes.h plans them: groups that fit, together; larger ones with a kept prompt and parts of responses.
std::vector<Pass> passes_of(const Workload& work, const GroupSize& size, const ParallelConfig& mesh) {
  const GroupSize group = work.update_group(size);
  const int64_t budget = work.train.micro_batch_tokens, mine = divide_up(work.update_groups(), parts_of(mesh));
  const int64_t prompt = most_prompt_rows(group.prompt, mesh.context), dealt = divide_up(group.n, mesh.context);
  const int64_t tokens = prompt + dealt * group.response;
  if (tokens <= budget) {
    const int64_t together = std::min(budget / tokens, mine), rest = mine % together;
    std::vector<Pass> passes{{mine / together, together, true, dealt}};
    if (rest > 0) passes.push_back({1, rest, true, dealt});
    return passes;
  }
  if (!work.train.share_prefix) return {{mine, 1, true, 1}};
  const int64_t room = std::max(budget - prompt, budget / 4);
  const int64_t together = std::clamp(room / group.response, int64_t{1}, dealt), rest = dealt % together;
  std::vector<Pass> passes{{mine, 1, true, 0}, {mine * (dealt / together), 1, false, together}};
  if (rest > 0) passes.push_back({mine, 1, false, rest});
  return passes;
}

PassSize rank_share(const Pass& pass, const GroupSize& size, const ParallelConfig& mesh) {
  const auto groups = static_cast<double>(pass.groups), ranks = static_cast<double>(mesh.context);
  const auto prompt = static_cast<double>(size.prompt);
  PassSize share;
  if (pass.prompts) {
    share.tokens = groups * static_cast<double>(most_prompt_rows(size.prompt, mesh.context));
    share.pairs = groups * prompt * (prompt + 1) / 2 / ranks;  // the chunks balance the triangle
  }
  for (int64_t i = 0; i < pass.groups * pass.responses; ++i) {
    share.add_response(static_cast<double>(size.response), prompt);
  }
  return share;
}

}  // namespace golong::scale
