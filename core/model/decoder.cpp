#include "core/model/decoder.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "core/model/layer_weights.h"
#include "core/model/model.h"
#include "core/model/parameter_source.h"
#include "core/model/rope.h"
#include "core/nn/embedding.h"
#include "core/nn/experts.h"
#include "core/nn/layers.h"
#include "core/nn/norms.h"
#include "core/nn/recompute.h"

namespace golong {
namespace {

struct Layer {
  at::Tensor input_norm, post_norm;  // [hidden]
  nn::Linear q, k, v, o;
  at::Tensor q_norm, k_norm;  // [head_dim], or undefined
  nn::Mlp mlp;                // of a dense layer
  nn::Linear router;          // hidden -> experts, or without weight
  nn::Experts experts;
};

// Takes the parameters from their source and keeps them by name.
class Parameters {
 public:
  explicit Parameters(const ParameterSource& source) : source_(source) {}

  at::Tensor take(const std::string& name, const std::vector<int64_t>& size) {
    all_.emplace_back(name, source_.take(name, size));
    return all_.back().second;
  }
  nn::Linear linear(const std::string& name, int64_t out, int64_t in, bool bias = false) {
    at::Tensor weight = take(name + ".weight", {out, in});
    return {weight, bias ? take(name + ".bias", {out}) : at::Tensor()};
  }
  nn::Mlp mlp(const std::string& at, int64_t hidden, int64_t intermediate, bool bias = false) {
    nn::Linear gate = linear(at + "gate_proj", intermediate, hidden, bias);
    nn::Linear up = linear(at + "up_proj", intermediate, hidden, bias);
    return {std::move(gate), std::move(up), linear(at + "down_proj", hidden, intermediate, bias)};
  }
  // An expert that another rank keeps.
  void pass_over(int64_t hidden, int64_t intermediate) {
    if (!source_.pass_over) return;
    for (const auto& size : {std::vector{intermediate, hidden}, {intermediate, hidden}, {hidden, intermediate}}) {
      source_.pass_over(size);
    }
  }
  std::vector<std::pair<std::string, at::Tensor>> all() && { return std::move(all_); }

 private:
  const ParameterSource& source_;
  std::vector<std::pair<std::string, at::Tensor>> all_;
};

nn::Experts make_experts(const ModelShape& shape, const std::string& at, const parallel::Group& ranks,
                         Parameters& parameters) {
  const int64_t count = shape.experts.count / ranks.size(), first = ranks.rank() * count;
  nn::Experts experts(count);
  for (int64_t e = 0; e < shape.experts.count; ++e) {
    if (e < first || e >= first + count) {
      parameters.pass_over(shape.hidden, shape.experts.intermediate);
      continue;
    }
    experts.add(parameters.mlp(at + std::to_string(e) + ".", shape.hidden, shape.experts.intermediate));
  }
  return experts;
}

Layer make_layer(const ModelShape& shape, int64_t index, const parallel::Group& experts, Parameters& parameters) {
  const std::string at = "model.layers." + std::to_string(index) + ".", attention = at + "self_attn.";
  const int64_t c = shape.hidden, d = shape.head_dim;
  const bool bias = shape.attention_bias;
  Layer layer;
  layer.input_norm = parameters.take(at + "input_layernorm.weight", {c});
  layer.q = parameters.linear(attention + "q_proj", shape.heads * d, c, bias);
  layer.k = parameters.linear(attention + "k_proj", shape.kv_heads * d, c, bias);
  layer.v = parameters.linear(attention + "v_proj", shape.kv_heads * d, c, bias);
  layer.o = parameters.linear(attention + "o_proj", c, shape.heads * d, bias);
  if (shape.qk_norm) {
    layer.q_norm = parameters.take(attention + "q_norm.weight", {d});
    layer.k_norm = parameters.take(attention + "k_norm.weight", {d});
  }
  layer.post_norm = parameters.take(at + "post_attention_layernorm.weight", {c});
  if (!shape.experts.in_layer(index)) {
    layer.mlp = parameters.mlp(at + "mlp.", c, shape.intermediate, shape.mlp_bias);
    return layer;
  }
  layer.router = parameters.linear(at + "mlp.gate", shape.experts.count, c);
  layer.experts = make_experts(shape, at + "mlp.experts.", experts, parameters);
  return layer;
}

class Decoder : public Model {
 public:
  Decoder(const ModelShape& shape, const ParameterSource& source, const parallel::Group& experts) {
    check_expert_ranks(shape, experts.size());
    shape_ = shape;
    expert_ranks_ = experts;
    Parameters parameters(source);
    embedding_ = parameters.take("model.embed_tokens.weight", {shape.vocabulary, shape.hidden});
    for (int64_t i = 0; i < shape.layers; ++i) layers_.push_back(make_layer(shape, i, experts, parameters));
    norm_ = parameters.take("model.norm.weight", {shape.hidden});
    head_ = shape.tied ? embedding_ : parameters.take("lm_head.weight", {shape.vocabulary, shape.hidden});
    parameters_ = std::move(parameters).all();
    dtype_ = embedding_.scalar_type();
    device_ = embedding_.device();
    frequencies_ = rope_frequencies(shape.rope, shape.head_dim).to(device_);
  }

  const std::vector<std::pair<std::string, at::Tensor>>& parameters() const override { return parameters_; }
  const at::Tensor& head() const override { return head_; }

  at::Tensor hidden(const at::Tensor& token_ids, const at::Tensor& positions, Attention& attention,
                    int64_t recomputed) const override {
    const nn::Rotary rotary = nn::rotary(positions, frequencies_, shape_.rope.attention_factor);
    at::Tensor x = nn::embedding(embedding_, token_ids);  // [T, C]
    const bool trains = c10::GradMode::is_enabled() && x.requires_grad();
    recomputed = trains ? most_of_ranks(recomputed) : 0;
    const std::shared_ptr<Attention> again = recomputed > 0 ? attention.again() : nullptr;
    for (int64_t i = 0; i < shape_.layers; ++i) {
      if (layer_weights_) x = enter_layer(*layer_weights_, i, x);
      std::vector<at::Tensor> done =
          i < recomputed ? nn::recomputed([=, this](const at::Tensor& in) { return run(i, in, rotary, *again); }, x)
                         : run(i, x, rotary, attention);
      if (layer_weights_) done = leave_layer(*layer_weights_, i, done);
      x = done[0];
      attention.keep(i, done[1], done[2]);
    }
    return nn::rms_norm(x, norm_, shape_.rms_norm_eps);
  }

 private:
  // Of what the ranks that share the experts ask for: a layer that runs again exchanges rows again.
  int64_t most_of_ranks(int64_t number) const {
    if (expert_ranks_.alone()) return number;
    const at::TensorOptions options = at::TensorOptions().dtype(at::kLong).device(device_);
    const at::Tensor all = at::empty({expert_ranks_.size()}, options);
    expert_ranks_.gather(all, at::full({1}, number, options));
    return all.max().item<int64_t>();
  }

  // One layer: x [T, C] -> the next layer's x, and the keys and values [T, Hkv, D] that it attended to.
  std::vector<at::Tensor> run(int64_t index, const at::Tensor& x, const nn::Rotary& rotary,
                              Attention& attention) const {
    const Layer& layer = layers_[static_cast<size_t>(index)];
    const int64_t tokens = x.size(0), d = shape_.head_dim;
    const double scale = 1.0 / std::sqrt(static_cast<double>(d));
    auto [in, h] = nn::residual_norm(x, {}, layer.input_norm, shape_.rms_norm_eps);
    const auto turned = [&, &h = h](const nn::Linear& project, int64_t heads, const at::Tensor& norm) {
      return nn::norm_rotate(project(h).view({tokens, heads, d}), norm, shape_.rms_norm_eps, rotary);
    };
    const at::Tensor q = turned(layer.q, shape_.heads, layer.q_norm),
                     k = turned(layer.k, shape_.kv_heads, layer.k_norm);
    const at::Tensor v = layer.v(h).view({tokens, shape_.kv_heads, d});
    h.reset();
    const auto [between, to_mlp] =
        nn::residual_norm(in, layer.o(attention.attend(index, q, k, v, scale).reshape({tokens, shape_.heads * d})),
                          layer.post_norm, shape_.rms_norm_eps);
    const at::Tensor out = layer.router.weight.defined()
                               ? nn::mix_experts(to_mlp, layer.router, layer.experts, shape_.experts.per_token,
                                                 shape_.experts.normalize, expert_ranks_)
                               : layer.mlp(to_mlp);
    return {between + out, k, v};
  }

  std::vector<std::pair<std::string, at::Tensor>> parameters_;
  at::Tensor embedding_, norm_, head_;
  at::Tensor frequencies_;  // of RoPE, [head_dim / 2]
  std::vector<Layer> layers_;
};

}  // namespace

std::unique_ptr<Model> make_decoder(const ModelShape& shape, const ParameterSource& source,
                                    const parallel::Group& experts) {
  return std::make_unique<Decoder>(shape, source, experts);
}

}  // namespace golong
