#include "core/scale/update_memory.h"

#include <algorithm>

#include "core/model/parameter_count.h"

namespace golong {
namespace {

// See Learner::mini_batch, train/packing.h and response_parts.
UpdatePass largest_pass(const TrainConfig& train, const LongestGroup& longest) {
  const int64_t group = longest.tokens(train.share_prefix), responses = longest.n * longest.response;
  const int64_t budget = train.micro_batch_tokens;
  if (group <= budget) {
    const int64_t step = train.mini_batch_prompts > 0 ? train.mini_batch_prompts : train.prompts_per_step;
    // Shorter groups fill the micro-batch, if there are enough of them.
    return {std::min(budget, group * step), std::min(budget, responses * step)};
  }
  if (!train.share_prefix) return {group, responses};
  const int64_t room = std::max(budget - longest.prompt, budget / 4);
  const int64_t together = std::clamp(room / longest.response, int64_t{1}, longest.n);
  return {longest.prompt + together * longest.response, together * longest.response, longest.prompt};
}

class Peak {
 public:
  Peak(const ModelShape& shape, const UpdateKernels& kernels, int64_t recomputed, bool gradients_stay)
      : shape_(shape), kernels_(kernels), recomputed_(recomputed), gradients_stay_(gradients_stay) {}

  // What the layers keep at the end of the forward pass.
  int64_t kept(int64_t tokens) const {
    int64_t bytes = 0;
    for (int64_t layer = 0; layer < shape_.layers; ++layer) bytes += left_of(layer, tokens);
    return bytes;
  }

  // Keys and values of a kept prompt: their gradients, and, of recomputed layers, they themselves beside what those
  // keep (train/kept_prompt.h).
  int64_t keys_and_values(int64_t prompt) const {
    return 2 * shape_.kv_heads * shape_.head_dim * prompt * number() * (shape_.layers + recomputed_);
  }

  // Of the backward pass of `tokens`, with `beside` that stays for all of it. Of a prompt without responses there is no
  // loss.
  UpdateMemory of(int64_t tokens, int64_t response_tokens, int64_t beside) const {
    int64_t kept = beside + this->kept(tokens), gradients = 0;
    const auto grow = [&](int64_t parameters) { gradients += parameters * gradient_bytes(); };
    if (response_tokens > 0) grow(shape_.vocabulary * shape_.hidden);  // the head's come first
    UpdateMemory most{kept, response_tokens > 0 ? logprob_bytes(tokens, response_tokens) : 0, gradients};
    for (int64_t layer = shape_.layers - 1; layer >= 0; --layer) {
      kept -= left_of(layer, tokens);
      const int64_t whole = kept_bytes(shape_, layer, tokens, kernels_.layers);
      const int64_t beside_mlp = layer < recomputed_ ? attention_bytes(tokens) : 0;
      most = larger(most,
                    {kept + whole + beside_mlp + backward_bytes(shape_, layer, tokens, kernels_.layers), 0, gradients});
      grow(layer_parameter_count(shape_, layer));
    }
    return larger(most, {beside, 0, gradients});
  }

  // The one of two moments that has more; where free memory is not used again, the most of each part.
  UpdateMemory larger(const UpdateMemory& a, const UpdateMemory& b) const {
    if (kernels_.reuses) return a.total() >= b.total() ? a : b;
    return {std::max(a.activations, b.activations), std::max(a.logprobs, b.logprobs),
            std::max(a.gradients, b.gradients)};
  }

 private:
  int64_t number() const { return kernels_.layers.number_bytes; }
  // Gradients in float32 are added up where they are, and always there.
  int64_t gradient_bytes() const { return number() == 4 || !gradients_stay_ ? 0 : number(); }

  // What attention's backward pass takes on the CPU (nn/cpu_segment.cpp): dense keys and values and the gradients to
  // them, those to queries of one part of the keys and of all. It finds no room among what a layer that ran again has
  // given to malloc, in pieces of other sizes.
  int64_t attention_bytes(int64_t tokens) const {
    if (kernels_.reuses) return 0;
    return tokens * shape_.head_dim * (6 * shape_.kv_heads + 2 * shape_.heads) * number();
  }

  int64_t left_of(int64_t layer, int64_t tokens) const {
    return layer < recomputed_ ? input_bytes(shape_, tokens, kernels_.layers)
                               : kept_bytes(shape_, layer, tokens, kernels_.layers);
  }

  // A tile of logits (beside it a copy in a model's dtype), the gradient of its part of the head, and the hidden states
  // with their gradients.
  int64_t logprob_bytes(int64_t tokens, int64_t response_tokens) const {
    const int64_t width = std::min(shape_.vocabulary, kernels_.tile.vocabulary);
    const int64_t tile = std::min(response_tokens, kernels_.tile.tokens) * width;
    return tile * (number() == 4 ? 4 : 4 + number()) + width * shape_.hidden * 4 +
           response_tokens * shape_.hidden * (number() + 4) + 2 * tokens * shape_.hidden * number();
  }

  const ModelShape& shape_;
  const UpdateKernels& kernels_;
  int64_t recomputed_;
  bool gradients_stay_;
};

}  // namespace

UpdateMemory pass_memory(const UpdatePass& pass, const TrainConfig& train, const ModelShape& shape,
                         const UpdateKernels& kernels, bool gradients_stay) {
  const int64_t recomputed =
      recomputed_layers(shape, pass.tokens, kernels.layers, train.recompute, train.activation_bytes);
  const Peak peak(shape, kernels, recomputed, gradients_stay);
  UpdateMemory most;
  if (pass.kept_prompt == 0) {
    most = peak.of(pass.tokens, pass.response_tokens, 0);
  } else {
    // The responses' own backward pass while all of the prompt waits, then the prompt's.
    const int64_t kept = peak.keys_and_values(pass.kept_prompt);
    most = peak.of(pass.response_tokens, pass.response_tokens, kept + peak.kept(pass.kept_prompt));
    most = peak.larger(most, peak.of(pass.kept_prompt, 0, kept));
  }
  most.tokens = pass.tokens;
  most.recomputed = recomputed;
  return most;
}

UpdateMemory update_memory(const TrainConfig& train, const ModelShape& shape, const LongestGroup& longest,
                           const UpdateKernels& kernels) {
  return pass_memory(largest_pass(train, longest), train, shape, kernels);
}

}  // namespace golong
