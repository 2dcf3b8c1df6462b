#include "core/train/kept_prompt.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cassert>

#include "core/nn/attention.h"

namespace golong {

// The prompt on itself; keeps its keys and values.
class KeptPrompt::PromptAttention : public Attention {
 public:
  explicit PromptAttention(KeptPrompt& prompt) : prompt_(prompt) {}

  at::Tensor attend(int64_t, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale) override {
    return nn::group_attention(q, k, v, {{prompt_.tokens_, {}}}, scale);
  }
  void keep(int64_t, const at::Tensor& k, const at::Tensor& v) override {
    prompt_.keys_.push_back(KeptPrompt::keep(k));
    prompt_.values_.push_back(KeptPrompt::keep(v));
  }
  std::shared_ptr<Attention> again() const override { return std::make_shared<PromptAttention>(*this); }

 private:
  KeptPrompt& prompt_;
};

class KeptPrompt::ResponseAttention : public Attention {
 public:
  ResponseAttention(const KeptPrompt& prompt, std::vector<int64_t> lengths)
      : prompt_(prompt), lengths_(std::move(lengths)) {}

  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    double scale) override {
    const auto l = static_cast<size_t>(layer);
    return nn::response_attention(q, k, v, prompt_.keys_[l].leaf, prompt_.values_[l].leaf, lengths_, scale);
  }
  std::shared_ptr<Attention> again() const override { return std::make_shared<ResponseAttention>(*this); }

 private:
  const KeptPrompt& prompt_;
  std::vector<int64_t> lengths_;
};

int64_t tokens_of(const Group& group, ResponseRange range) {
  size_t tokens = 0;
  for (size_t i = range.first; i < range.last; ++i) tokens += group.responses[i].token_ids.size();
  return static_cast<int64_t>(tokens);
}

std::vector<ResponseRange> response_parts(const Group& group, int64_t token_budget) {
  const auto prompt = static_cast<int64_t>(group.prompt.token_ids.size());
  const int64_t room = std::max(token_budget - prompt, token_budget / 4);
  std::vector<ResponseRange> parts;
  int64_t used = 0;
  for (size_t i = 0; i < group.responses.size(); ++i) {
    const auto tokens = static_cast<int64_t>(group.responses[i].token_ids.size());
    if (parts.empty() || used + tokens > room) {
      parts.push_back({i, i});
      used = 0;
    }
    parts.back().last = i + 1;
    used += tokens;
  }
  return parts;
}

KeptPrompt::Kept KeptPrompt::keep(const at::Tensor& value) {
  return {value, value.detach().requires_grad_(value.requires_grad())};
}

KeptPrompt::KeptPrompt(const Model& model, std::span<const int32_t> prompt, int64_t recomputed)
    : model_(model), tokens_(static_cast<int64_t>(prompt.size())), recomputed_(recomputed) {
  const at::Tensor ids = at::tensor(std::vector<int64_t>(prompt.begin(), prompt.end()), at::kLong).to(model.device());
  PromptAttention attention(*this);
  const at::Tensor hidden = model.hidden(ids, at::arange(tokens_, ids.options()), attention, recomputed);
  last_ = keep(hidden.narrow(0, tokens_ - 1, 1));
}

nn::TokenLogprobs KeptPrompt::logprobs(const Group& group, ResponseRange range, double temperature) {
  std::vector<int64_t> ids, positions, rows, lengths;  // row 0 is the prompt's last, the others are the tokens'
  for (size_t r = range.first; r < range.last; ++r) {
    const std::vector<int32_t>& tokens = group.responses[r].token_ids;
    for (size_t i = 0; i < tokens.size(); ++i) {
      rows.push_back(i == 0 ? 0 : static_cast<int64_t>(ids.size()));
      ids.push_back(tokens[i]);
      positions.push_back(tokens_ + static_cast<int64_t>(i));
    }
    lengths.push_back(static_cast<int64_t>(tokens.size()));
  }
  assert(!ids.empty());
  const auto tensor = [&](const std::vector<int64_t>& values) {
    return at::tensor(values, at::kLong).to(model_.device());
  };
  ResponseAttention attention(*this, std::move(lengths));
  const at::Tensor targets = tensor(ids), hidden = model_.hidden(targets, tensor(positions), attention, recomputed_);
  const at::Tensor all = at::cat({last_.leaf, hidden});
  return nn::token_logprobs(all.index_select(0, tensor(rows)), model_.head(), targets, temperature);
}

void KeptPrompt::backward() {
  std::vector<at::Tensor> values, gradients;
  const auto add = [&](const Kept& kept) {
    if (!kept.leaf.grad().defined()) return;  // no response has reached it
    values.push_back(kept.value);
    gradients.push_back(kept.leaf.grad());
  };
  add(last_);
  for (size_t layer = 0; layer < keys_.size(); ++layer) {
    add(keys_[layer]);
    add(values_[layer]);
  }
  torch::autograd::backward(values, gradients);
}

}  // namespace golong
