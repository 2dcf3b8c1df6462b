#include "core/train/kept_prompt.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "core/nn/attention.h"
#include "core/nn/shared_rows.h"

namespace golong {

using nn::ContextAttention;

// The prompt on itself; keeps its keys and values.
class KeptPrompt::PromptAttention : public Attention {
 public:
  explicit PromptAttention(KeptPrompt& prompt) : prompt_(prompt) {
    if (prompt.tokens_ > 0) layouts_.push_back({prompt.tokens_, {}});
    if (prompt.context_.alone()) return;
    std::vector<nn::ContextLayout> layouts;
    if (prompt.tokens_ > 0) layouts.push_back(prompt.layout(Part(static_cast<size_t>(prompt.context_.size()))));
    shared_.emplace(layouts, prompt.context_, ContextAttention::Prompts::in_rows, prompt.model_.device());
  }

  at::Tensor attend(int64_t, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale) override {
    return shared_ ? (*shared_)(q, k, v, scale) : nn::group_attention(q, k, v, layouts_, scale);
  }
  void keep(int64_t, const at::Tensor& k, const at::Tensor& v) override {
    prompt_.keys_.push_back(KeptPrompt::keep(k));
    prompt_.values_.push_back(KeptPrompt::keep(v));
  }
  std::shared_ptr<Attention> again() const override { return std::make_shared<PromptAttention>(*this); }

 private:
  KeptPrompt& prompt_;
  std::vector<nn::GroupLayout> layouts_;
  std::optional<ContextAttention> shared_;  // of several context ranks
};

class KeptPrompt::ResponseAttention : public Attention {
 public:
  ResponseAttention(const KeptPrompt& prompt, const Part& part) : prompt_(prompt) {
    const nn::ContextLayout layout = prompt.layout(part);
    if (prompt.context_.alone()) {
      lengths_ = layout.responses[0];
    } else {
      shared_.emplace(std::vector{layout}, prompt.context_, ContextAttention::Prompts::kept, prompt.model_.device());
    }
  }

  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    double scale) override {
    const auto l = static_cast<size_t>(layer);
    const at::Tensor &prompt_k = prompt_.keys_[l].leaf, &prompt_v = prompt_.values_[l].leaf;
    return shared_ ? (*shared_)(q, k, v, prompt_k, prompt_v, scale)
                   : nn::response_attention(q, k, v, prompt_k, prompt_v, lengths_, scale);
  }
  std::shared_ptr<Attention> again() const override { return std::make_shared<ResponseAttention>(*this); }

 private:
  const KeptPrompt& prompt_;
  std::vector<int64_t> lengths_;
  std::optional<ContextAttention> shared_;  // of several context ranks
};

KeptPrompt::Kept KeptPrompt::keep(const at::Tensor& value) {
  return {value, value.detach().requires_grad_(value.requires_grad())};
}

KeptPrompt::KeptPrompt(const Model& model, const Group* group, int64_t recomputed, const nn::Context& context)
    : model_(model),
      group_(group),
      context_(context),
      tokens_(group ? static_cast<int64_t>(group->prompt.token_ids.size()) : 0),
      recomputed_(recomputed) {
  std::vector<int64_t> ids, positions;
  for (const nn::Chunk& chunk : nn::prompt_chunks(tokens_, context.rank(), context.size())) {
    for (int64_t i = chunk.start; i < chunk.end(); ++i) {
      ids.push_back(group->prompt.token_ids[static_cast<size_t>(i)]);
      positions.push_back(i);
    }
  }
  const auto tensor = [&](const std::vector<int64_t>& values) {
    return at::tensor(values, at::kLong).to(model.device());
  };
  const auto own = static_cast<int64_t>(ids.size());
  const int64_t last = std::min<int64_t>(tokens_, 1);  // rows of it
  PromptAttention attention(*this);
  const at::Tensor hidden = model.hidden(tensor(ids), tensor(positions), attention, recomputed);
  last_ =
      keep(context.alone() ? hidden.narrow(0, own - last, last)
                           : nn::shared_rows(hidden, tensor(std::vector<int64_t>(static_cast<size_t>(last), own - 1)),
                                             context.ranks));
}

nn::ContextLayout KeptPrompt::layout(const Part& part) const {
  nn::ContextLayout layout{tokens_, {}};
  for (const std::vector<size_t>& responses : part) {
    std::vector<int64_t>& lengths = layout.responses.emplace_back();
    for (const size_t i : responses) lengths.push_back(tokens_of({group_, {i}}));
  }
  return layout;
}

std::vector<Slice> KeptPrompt::slices(const Part& part) const {
  if (!group_) return {};
  return {{group_, part[static_cast<size_t>(context_.rank())]}};
}

nn::TokenLogprobs KeptPrompt::logprobs(const Part& part, double temperature) {
  std::vector<int64_t> ids, positions, rows;  // row 0 is the prompt's last, the others are the tokens'
  for (const Slice& slice : slices(part)) {
    for (const size_t r : slice.responses) {
      const std::vector<int32_t>& tokens = group_->responses[r].token_ids;
      for (size_t i = 0; i < tokens.size(); ++i) {
        rows.push_back(i == 0 ? 0 : static_cast<int64_t>(ids.size()));
        ids.push_back(tokens[i]);
        positions.push_back(tokens_ + static_cast<int64_t>(i));
      }
    }
  }
  const auto tensor = [&](const std::vector<int64_t>& values) {
    return at::tensor(values, at::kLong).to(model_.device());
  };
  ResponseAttention attention(*this, part);
  const at::Tensor targets = tensor(ids), hidden = model_.hidden(targets, tensor(positions), attention, recomputed_);
  const at::Tensor all = at::cat({last_.leaf, hidden});
  return nn::token_logprobs(all.index_select(0, tensor(rows)), model_.head(), targets, temperature);
}

void KeptPrompt::backward() {
  std::vector<at::Tensor> values, gradients;
  const auto add = [&](const Kept& kept) {
    values.push_back(kept.value);
    const at::Tensor& gradient = kept.leaf.grad();
    gradients.push_back(gradient.defined() ? gradient : at::zeros_like(kept.leaf));  // where no response has reached it
  };
  add(last_);
  for (size_t layer = 0; layer < keys_.size(); ++layer) {
    add(keys_[layer]);
    add(values_[layer]);
  }
  torch::autograd::backward(values, gradients);
}

}  // namespace golong
