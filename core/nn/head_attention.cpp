#include "core/nn/head_attention.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <numeric>

#include "core/nn/capsule.h"
#include "core/nn/context_attention.h"

namespace golong::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// x [rows of this rank, C * h, D] -> [rows of all ranks, h, D], in order.
at::Tensor to_heads(const HeadExchange& exchange, const at::Tensor& x) {
  const int64_t ranks = exchange.ranks.size(), heads = x.size(1) / ranks, rows = x.size(0);
  if (exchange.all_rows() == 0) return at::empty({0, heads, x.size(2)}, x.options());
  const at::Tensor by_rank =
      x.reshape({rows, ranks, heads, x.size(2)}).transpose(0, 1).reshape({ranks * rows, heads, x.size(2)});
  const at::Tensor came = exchange.ranks.exchange(
      by_rank.contiguous(), std::vector<int64_t>(static_cast<size_t>(ranks), rows), exchange.rows);
  return came.index_select(0, exchange.order);
}

// The way back.
at::Tensor to_tokens(const HeadExchange& exchange, const at::Tensor& x) {
  const int64_t ranks = exchange.ranks.size(), heads = x.size(1);
  const int64_t rows = exchange.rows[static_cast<size_t>(exchange.ranks.rank())];
  if (exchange.all_rows() == 0) return at::empty({0, ranks * heads, x.size(2)}, x.options());
  const at::Tensor came = exchange.ranks.exchange(x.index_select(0, exchange.places), exchange.rows,
                                                  std::vector<int64_t>(static_cast<size_t>(ranks), rows));
  return came.view({ranks, rows, heads, x.size(2)}).transpose(0, 1).reshape({rows, ranks * heads, x.size(2)});
}

struct HeadExchangeFunction : torch::autograd::Function<HeadExchangeFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            const std::shared_ptr<const HeadExchange>& exchange, bool heads) {
    ctx->saved_data["exchange"] = capsule(exchange);
    ctx->saved_data["heads"] = heads;
    return heads ? to_heads(*exchange, x) : to_tokens(*exchange, x);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const HeadExchange& exchange = *held<std::shared_ptr<const HeadExchange>>(ctx->saved_data["exchange"]);
    const bool heads = ctx->saved_data["heads"].toBool();
    return {heads ? to_tokens(exchange, gradients[0]) : to_heads(exchange, gradients[0]), {}, {}};
  }
};

// Makes an exchange of rows that are named in the order of the ranks, by where they belong.
class Places {
 public:
  explicit Places(size_t ranks) : rows_(ranks, 0) {}

  // The next rows of a rank belong at [start, start + count).
  void add(int64_t rank, int64_t start, int64_t count) {
    rows_[static_cast<size_t>(rank)] += count;
    for (int64_t i = 0; i < count; ++i) places_.push_back(start + i);
  }

  HeadExchange exchange(const parallel::Group& ranks, at::Device device) const {
    std::vector<int64_t> order(places_.size());
    for (size_t i = 0; i < places_.size(); ++i) order[static_cast<size_t>(places_[i])] = static_cast<int64_t>(i);
    return {ranks, rows_, at::tensor(order, at::kLong).to(device), at::tensor(places_, at::kLong).to(device)};
  }

 private:
  std::vector<int64_t> rows_, places_;
};

}  // namespace

std::shared_ptr<const HeadPlan> make_head_plan(const std::vector<ContextLayout>& layouts, const parallel::Group& ranks,
                                               bool kept, at::Device device) {
  const int64_t size = ranks.size();
  Places tokens(static_cast<size_t>(size)), prompts(static_cast<size_t>(size));
  auto plan = std::make_shared<HeadPlan>();
  plan->kept = kept;
  for (int64_t rank = 0; rank < size; ++rank) {
    int64_t prompt_start = 0, start = 0;  // of the group: among prompts that are kept, among rows
    for (const ContextLayout& layout : layouts) {
      for (const Chunk& chunk : prompt_chunks(layout.prompt, rank, size)) {
        if (kept) {
          prompts.add(rank, prompt_start + chunk.start, chunk.tokens);
        } else {
          tokens.add(rank, start + chunk.start, chunk.tokens);
        }
      }
      prompt_start += layout.prompt;
      if (!kept) start += layout.prompt;
      for (int64_t other = 0; other < size; ++other) {
        const int64_t count = layout.response_tokens(other);
        if (other == rank) tokens.add(rank, start, count);
        start += count;
      }
    }
  }
  for (const ContextLayout& layout : layouts) {
    GroupLayout group{layout.prompt, {}};
    for (const std::vector<int64_t>& lengths : layout.responses) {
      group.responses.insert(group.responses.end(), lengths.begin(), lengths.end());
      plan->lengths.insert(plan->lengths.end(), lengths.begin(), lengths.end());
    }
    plan->groups.push_back(std::move(group));
  }
  plan->tokens = tokens.exchange(ranks, device);
  plan->prompts = prompts.exchange(ranks, device);
  return plan;
}

at::Tensor head_attention(const std::shared_ptr<const HeadPlan>& plan, const at::Tensor& q, const at::Tensor& k,
                          const at::Tensor& v, const std::optional<at::Tensor>& prompt_k,
                          const std::optional<at::Tensor>& prompt_v, double scale) {
  check_context_heads(ContextMethod::heads, plan->tokens.ranks.size(), k.size(1));
  const std::shared_ptr<const HeadExchange> tokens(plan, &plan->tokens), prompts(plan, &plan->prompts);
  const auto heads = [&](const at::Tensor& x) { return HeadExchangeFunction::apply(x, tokens, true); };
  const auto prompt_heads = [&](const at::Tensor& x) { return HeadExchangeFunction::apply(x, prompts, true); };
  const at::Tensor all_q = heads(q), all_k = heads(k), all_v = heads(v);
  at::Tensor out;
  if (plan->kept) {
    const at::Tensor all_prompt_k = prompt_heads(*prompt_k), all_prompt_v = prompt_heads(*prompt_v);
    out = response_attention(all_q, all_k, all_v, all_prompt_k, all_prompt_v, plan->lengths, scale);
  } else {
    out = group_attention(all_q, all_k, all_v, plan->groups, scale);
  }
  return HeadExchangeFunction::apply(out, tokens, false);
}

}  // namespace golong::nn
