// Three kinds of segments, as in group_attention: chunks of prompts on themselves, chunks and responses on what is
// gathered, responses on themselves. Their partial results are merged, and the backward pass runs through the same
// segments with the merged ones.
#include "core/nn/gathered_attention.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <span>
#include <utility>

#include "core/nn/capsule.h"
#include "core/nn/segment.h"

namespace golong::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Rows = GatherPlan::Rows;

// Keys and values of all prompts, on their way from all ranks.
class Prompts {
 public:
  Prompts(const GatherPlan& plan, const at::Tensor& k, const at::Tensor& v) : groups_(plan.groups), heads_(k.size(1)) {
    const at::Tensor mine = at::empty({plan.longest, 2 * heads_, k.size(2)}, k.options());
    int64_t filled = 0;
    for (const Rows& group : plan.groups) {
      const int64_t tokens = group.prompt_tokens();
      const at::Tensor to = mine.narrow(0, filled, tokens);
      to.narrow(1, 0, heads_).copy_(k.narrow(0, group.prompt_row, tokens));
      to.narrow(1, heads_, heads_).copy_(v.narrow(0, group.prompt_row, tokens));
      filled += tokens;
    }
    mine.narrow(0, filled, plan.longest - filled).zero_();
    all_ = at::empty({plan.ranks.size() * plan.longest, 2 * heads_, k.size(2)}, k.options());
    arrival_ = plan.ranks.gather_later(all_, mine);
  }

  void wait() { arrival_.wait(); }

  // Of the next prompt, in the order of its tokens: [P, Hkv, D] each.
  std::pair<at::Tensor, at::Tensor> next() {
    std::vector<at::Tensor> chunks;
    for (const Chunk& chunk : groups_.front().gathered) chunks.push_back(all_.narrow(0, chunk.start, chunk.tokens));
    const at::Tensor both = at::cat(chunks);
    groups_ = groups_.subspan(1);
    if (groups_.empty()) all_ = at::Tensor();  // a long prompt's are large, and it is often the only one
    return {both.narrow(1, 0, heads_), both.narrow(1, heads_, heads_)};
  }

 private:
  std::span<const Rows> groups_;  // that nobody has asked for yet
  int64_t heads_;
  at::Tensor all_;  // keys and values side by side
  parallel::Pending arrival_;
};

// Gradients to the keys and values of all prompts, on their way to their ranks.
class PromptGradients {
 public:
  PromptGradients(const GatherPlan& plan, const at::Tensor& k)
      : plan_(plan),
        heads_(k.size(1)),
        all_(at::zeros({plan.ranks.size() * plan.longest, 2 * heads_, k.size(2)},
                       k.options().dtype(k.scalar_type() == at::kDouble ? at::kDouble : at::kFloat))) {}

  // To the chunks [first, last) of a prompt.
  void add(const Rows& group, int64_t first, int64_t last, const SegmentGradients& gradients) {
    const at::Tensor k = rows(gradients.k), v = rows(gradients.v);
    int64_t start = 0;
    for (int64_t i = first; i < last; ++i) {
      const Chunk& chunk = group.gathered[static_cast<size_t>(i)];
      const at::Tensor to = all_.narrow(0, chunk.start, chunk.tokens);
      to.narrow(1, 0, heads_).add_(k.narrow(0, start, chunk.tokens));
      to.narrow(1, heads_, heads_).add_(v.narrow(0, start, chunk.tokens));
      start += chunk.tokens;
    }
  }

  // Writes the sums over all ranks into the rows of this rank's prompts.
  void bring_home(const at::Tensor& k, const at::Tensor& v) const {
    const at::Tensor mine = at::empty({plan_.longest, 2 * heads_, all_.size(2)}, all_.options());
    plan_.ranks.sum_parts(mine, all_);
    for (const Rows& group : plan_.groups) {
      const int64_t tokens = group.prompt_tokens();
      const at::Tensor from = mine.narrow(0, group.own_row, tokens);
      k.narrow(0, group.prompt_row, tokens).copy_(from.narrow(1, 0, heads_));
      v.narrow(0, group.prompt_row, tokens).copy_(from.narrow(1, heads_, heads_));
    }
  }

 private:
  const GatherPlan& plan_;
  int64_t heads_;
  at::Tensor all_;  // as Prompts has them
};

// Calls body(row, chunk, index of the chunk in its prompt) for this rank's chunks with tokens, where they are rows.
template <class Body>
void each_chunk(const GatherPlan& plan, const Rows& group, const Body& body) {
  if (plan.kept) return;
  int64_t row = group.prompt_row;
  const int64_t rank = plan.ranks.rank(), late = 2 * plan.ranks.size() - 1 - rank;
  for (const size_t i : {size_t{0}, size_t{1}}) {
    if (group.chunks[i].tokens > 0) body(row, group.chunks[i], i == 0 ? rank : late);
    row += group.chunks[i].tokens;
  }
}

// Results of rows [start, start + count).
struct Results {
  at::Tensor out, lse;  // [T, H, D], [T, H]

  void set(int64_t start, int64_t count, const Partial& partial) const {
    out.narrow(0, start, count).copy_(rows(partial.out));
    lse.narrow(0, start, count).copy_(partial.lse.squeeze(0).t());
  }
  void merge(int64_t start, int64_t count, const Partial& partial) const {
    at::Tensor merged_out = out.narrow(0, start, count), merged_lse = lse.narrow(0, start, count);
    merge_rows(merged_out, merged_lse, rows(partial.out), partial.lse.squeeze(0).t());
    out.narrow(0, start, count).copy_(merged_out);
    lse.narrow(0, start, count).copy_(merged_lse);
  }
};

struct GatheredAttentionFunction : torch::autograd::Function<GatheredAttentionFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::optional<at::Tensor>& kept_k, const std::optional<at::Tensor>& kept_v,
                            const std::shared_ptr<const GatherPlan>& plan, double scale) {
    const at::Tensor &prompt_k = kept_k ? *kept_k : k, &prompt_v = kept_v ? *kept_v : v;
    const at::ScalarType wide = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    Results results{at::empty_like(q, at::MemoryFormat::Contiguous),
                    at::empty({q.size(0), q.size(1)}, q.options().dtype(wide))};
    Prompts prompts(*plan, prompt_k, prompt_v);
    for (const Rows& group : plan->groups) {
      each_chunk(*plan, group, [&](int64_t row, const Chunk& chunk, int64_t) {
        const auto part = [&](const at::Tensor& x) { return span(x, row, chunk.tokens); };
        results.set(row, chunk.tokens, segment_forward(part(q), part(k), part(v), true, scale));
      });
    }
    prompts.wait();
    for (const Rows& group : plan->groups) {
      const auto prompt = prompts.next();
      const at::Tensor &keys = prompt.first, &values = prompt.second;
      const auto attend = [&](int64_t row, int64_t count, int64_t seen) {
        return segment_forward(span(q, row, count), span(keys, 0, seen), span(values, 0, seen), false, scale);
      };
      each_chunk(*plan, group, [&](int64_t row, const Chunk& chunk, int64_t) {
        if (chunk.start > 0) results.merge(row, chunk.tokens, attend(row, chunk.tokens, chunk.start));
      });
      if (group.responses > 0) {
        results.set(group.response_row, group.responses, attend(group.response_row, group.responses, keys.size(0)));
      }
    }
    own_forward(plan->responses, q, k, v, scale, results.out, results.lse);
    ctx->save_for_backward({q, k, v, prompt_k, prompt_v, results.out, results.lse});
    ctx->saved_data["plan"] = capsule(plan);
    ctx->saved_data["scale"] = scale;
    return results.out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &prompt_k = saved[3], &prompt_v = saved[4],
                     &out = saved[5], &lse = saved[6];
    const GatherPlan& plan = *held<std::shared_ptr<const GatherPlan>>(ctx->saved_data["plan"]);
    const double scale = ctx->saved_data["scale"].toDouble();
    const at::Tensor grad = gradients[0].contiguous();
    const auto like = [](const at::Tensor& x) { return at::empty_like(x, at::MemoryFormat::Contiguous); };
    const at::Tensor gq = like(q), gk = like(k), gv = like(v);
    const auto backward_of = [&](int64_t row, int64_t count, const at::Tensor& keys, const at::Tensor& values,
                                 bool causal) {
      const Partial merged{span(out, row, count), lse.narrow(0, row, count).t().unsqueeze(0)};
      return segment_backward(span(grad, row, count), span(q, row, count), keys, values, merged, causal, scale);
    };
    Prompts prompts(plan, prompt_k, prompt_v);
    PromptGradients to_prompts(plan, k);
    for (const Rows& group : plan.groups) {
      each_chunk(plan, group, [&](int64_t row, const Chunk& chunk, int64_t index) {
        const SegmentGradients own =
            backward_of(row, chunk.tokens, span(k, row, chunk.tokens), span(v, row, chunk.tokens), true);
        gq.narrow(0, row, chunk.tokens).copy_(rows(own.q));
        to_prompts.add(group, index, index + 1, own);
      });
    }
    prompts.wait();
    for (const Rows& group : plan.groups) {
      const auto prompt = prompts.next();
      const at::Tensor &keys = prompt.first, &values = prompt.second;
      const auto attended = [&](int64_t row, int64_t count, int64_t seen) {
        return backward_of(row, count, span(keys, 0, seen), span(values, 0, seen), false);
      };
      each_chunk(plan, group, [&](int64_t row, const Chunk& chunk, int64_t index) {
        if (chunk.start == 0) return;
        const SegmentGradients before = attended(row, chunk.tokens, chunk.start);
        gq.narrow(0, row, chunk.tokens).add_(rows(before.q));
        to_prompts.add(group, 0, index, before);
      });
      if (group.responses > 0) {
        const SegmentGradients shared = attended(group.response_row, group.responses, keys.size(0));
        gq.narrow(0, group.response_row, group.responses).copy_(rows(shared.q));
        to_prompts.add(group, 0, static_cast<int64_t>(group.gathered.size()), shared);
      }
    }
    own_backward(plan.responses, grad, q, k, v, out, lse, scale, {gq, gk, gv});
    const at::Tensor to_k = plan.kept ? like(prompt_k) : gk, to_v = plan.kept ? like(prompt_v) : gv;
    to_prompts.bring_home(to_k, to_v);
    if (plan.kept) return {gq, gk, gv, to_k, to_v, {}, {}};
    return {gq, gk, gv, {}, {}, {}, {}};
  }
};

}  // namespace

std::shared_ptr<const GatherPlan> make_gather_plan(const std::vector<ContextLayout>& layouts,
                                                   const parallel::Group& ranks, bool kept) {
  auto plan = std::make_shared<GatherPlan>();
  plan->ranks = ranks;
  plan->kept = kept;
  const int64_t size = ranks.size();
  std::vector<int64_t> filled(static_cast<size_t>(size), 0);  // prompt tokens of each rank
  for (const ContextLayout& layout : layouts) {
    for (int64_t rank = 0; rank < size; ++rank) {
      filled[static_cast<size_t>(rank)] += prompt_tokens(layout.prompt, rank, size);
    }
  }
  for (const int64_t tokens : filled) plan->longest = std::max(plan->longest, tokens);
  std::fill(filled.begin(), filled.end(), 0);
  int64_t row = 0, own = 0;
  for (const ContextLayout& layout : layouts) {
    Rows group{prompt_chunks(layout.prompt, ranks.rank(), size), kept ? own : row, own, 0, 0, {}};
    group.gathered.resize(static_cast<size_t>(2 * size));
    for (int64_t rank = 0; rank < size; ++rank) {
      const auto [early, late] = prompt_chunks(layout.prompt, rank, size);
      int64_t& at = filled[static_cast<size_t>(rank)];
      const int64_t start = rank * plan->longest + at;
      group.gathered[static_cast<size_t>(rank)] = {start, early.tokens};
      group.gathered[static_cast<size_t>(2 * size - 1 - rank)] = {start + early.tokens, late.tokens};
      at += early.tokens + late.tokens;
    }
    own += group.prompt_tokens();
    if (!kept) row += group.prompt_tokens();
    group.response_row = row;
    for (const int64_t length : layout.responses[static_cast<size_t>(ranks.rank())]) {
      if (length > 0) plan->responses.push_back({row, length});
      row += length;
    }
    group.responses = row - group.response_row;
    plan->groups.push_back(std::move(group));
  }
  return plan;
}

at::Tensor gathered_attention(const std::shared_ptr<const GatherPlan>& plan, const at::Tensor& q, const at::Tensor& k,
                              const at::Tensor& v, const std::optional<at::Tensor>& prompt_k,
                              const std::optional<at::Tensor>& prompt_v, double scale) {
  return GatheredAttentionFunction::apply(q, k, v, prompt_k, prompt_v, plan, scale);
}

}  // namespace golong::nn
