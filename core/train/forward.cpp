#include "core/train/forward.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "core/model/activations.h"
#include "core/nn/shared_rows.h"
#include "core/train/kept_prompt.h"

namespace golong {

int64_t layers_to_recompute(const Model& model, int64_t tokens, const std::string& mode, int64_t activation_bytes) {
  return recomputed_layers(model.shape(), tokens, static_cast<int64_t>(c10::elementSize(model.dtype())), mode,
                           activation_bytes);
}

namespace {

// Attention of a micro-batch that is shared by context ranks.
class SharedAttention : public Attention {
 public:
  explicit SharedAttention(nn::ContextAttention attention) : attention_(std::move(attention)) {}

  at::Tensor attend(int64_t, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale) override {
    return attention_(q, k, v, scale);
  }
  std::shared_ptr<Attention> again() const override { return std::make_shared<SharedAttention>(*this); }

 private:
  nn::ContextAttention attention_;
};

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

at::Tensor hidden_states(const Model& model, const Packed& packed, int64_t recomputed) {
  if (packed.context) {
    SharedAttention attention(packed.context->attention);
    return model.hidden(packed.token_ids, packed.positions, attention, recomputed);
  }
  GroupAttention attention(packed.layouts);
  return model.hidden(packed.token_ids, packed.positions, attention, recomputed);
}

at::Tensor predicting_rows(const Packed& packed, const at::Tensor& hidden) {
  if (!packed.context) return hidden.index_select(0, packed.rows);
  const at::Tensor shared = nn::shared_rows(hidden, packed.context->last_rows, packed.context->ranks.ranks);
  return at::cat({shared, hidden}).index_select(0, packed.rows);
}

nn::TokenLogprobs response_logprobs(const Model& model, const Packed& packed, double temperature, int64_t recomputed) {
  const at::Tensor rows = predicting_rows(packed, hidden_states(model, packed, recomputed));
  return nn::token_logprobs(rows, model.head(), packed.targets, temperature);
}

GroupLogprobs fixed_logprobs(const Model& model, const Passes& passes, double temperature, bool share_prefix,
                             const nn::Context& context) {
  GroupLogprobs all;
  c10::NoGradGuard no_grad;
  for (const std::vector<const Group*>& groups : passes.packed) {
    const Packed packed = pack(groups, model.device(), share_prefix, context);
    add(packed.slices, response_logprobs(model, packed, temperature).logprobs, all);
  }
  for (const LargePass& large : passes.large) {
    KeptPrompt prompt(model, large.group, 0, context);
    for (const Part& part : large.parts) add(prompt.slices(part), prompt.logprobs(part, temperature).logprobs, all);
  }
  return all;
}

}  // namespace golong
