// Qwen3, dense: RMSNorm, grouped-query attention with normalised queries and keys, RoPE, SwiGLU.
#include <ATen/ATen.h>

#include <cmath>

#include "core/model/family.h"
#include "core/nn/layers.h"

namespace golong {
namespace {

struct Layer {
  at::Tensor input_norm, post_norm;  // [hidden]
  nn::Linear q, k, v, o;
  at::Tensor q_norm, k_norm;  // [head_dim]
  nn::Linear gate, up, down;
};

class Qwen3 : public Model {
 public:
  Qwen3(const ModelShape& shape, const ParameterSource& source) {
    shape_ = shape;
    auto take = [&](const std::string& name, const std::vector<int64_t>& size) {
      parameters_.emplace_back(name, source(name, size));
      return parameters_.back().second;
    };
    auto linear = [&](const std::string& name, int64_t out, int64_t in, bool bias) {
      at::Tensor weight = take(name + ".weight", {out, in});
      return nn::Linear{weight, bias ? take(name + ".bias", {out}) : at::Tensor()};
    };
    const int64_t c = shape.hidden, d = shape.head_dim;
    embedding_ = take("model.embed_tokens.weight", {shape.vocabulary, c});
    for (int64_t i = 0; i < shape.layers; ++i) {
      std::string at = "model.layers." + std::to_string(i) + ".", attention = at + "self_attn.", mlp = at + "mlp.";
      Layer layer;
      layer.input_norm = take(at + "input_layernorm.weight", {c});
      layer.q = linear(attention + "q_proj", shape.heads * d, c, shape.attention_bias);
      layer.k = linear(attention + "k_proj", shape.kv_heads * d, c, shape.attention_bias);
      layer.v = linear(attention + "v_proj", shape.kv_heads * d, c, shape.attention_bias);
      layer.o = linear(attention + "o_proj", c, shape.heads * d, shape.attention_bias);
      layer.q_norm = take(attention + "q_norm.weight", {d});
      layer.k_norm = take(attention + "k_norm.weight", {d});
      layer.post_norm = take(at + "post_attention_layernorm.weight", {c});
      layer.gate = linear(mlp + "gate_proj", shape.intermediate, c, false);
      layer.up = linear(mlp + "up_proj", shape.intermediate, c, false);
      layer.down = linear(mlp + "down_proj", c, shape.intermediate, false);
      layers_.push_back(std::move(layer));
    }
    norm_ = take("model.norm.weight", {c});
    head_ = shape.tied ? embedding_ : take("lm_head.weight", {shape.vocabulary, c});
    dtype_ = embedding_.scalar_type();
    device_ = embedding_.device();
  }

  const std::vector<std::pair<std::string, at::Tensor>>& parameters() const override { return parameters_; }
  const at::Tensor& head() const override { return head_; }

  at::Tensor hidden(const at::Tensor& token_ids, const at::Tensor& positions, Attention& attention) const override {
    const double epsilon = shape_.rms_norm_eps, scale = 1.0 / std::sqrt(static_cast<double>(shape_.head_dim));
    const int64_t tokens = token_ids.size(0), d = shape_.head_dim;
    nn::Rotary rotary = nn::rotary(positions, d, shape_.rope_theta);
    at::Tensor x = at::embedding(embedding_, token_ids);  // [T, C]
    for (int64_t i = 0; i < shape_.layers; ++i) {
      const Layer& layer = layers_[i];
      at::Tensor h = nn::rms_norm(x, layer.input_norm, epsilon);
      at::Tensor q = nn::rms_norm(layer.q(h).view({tokens, shape_.heads, d}), layer.q_norm, epsilon);
      at::Tensor k = nn::rms_norm(layer.k(h).view({tokens, shape_.kv_heads, d}), layer.k_norm, epsilon);
      at::Tensor v = layer.v(h).view({tokens, shape_.kv_heads, d});
      at::Tensor o = attention.attend(i, nn::rotate(q, rotary), nn::rotate(k, rotary), v, scale);
      x = x + layer.o(o.reshape({tokens, shape_.heads * d}));
      h = nn::rms_norm(x, layer.post_norm, epsilon);
      x = x + layer.down(nn::swiglu(layer.gate(h), layer.up(h)));
    }
    return nn::rms_norm(x, norm_, epsilon);
  }

 private:
  std::vector<std::pair<std::string, at::Tensor>> parameters_;
  at::Tensor embedding_, norm_, head_;
  std::vector<Layer> layers_;
};

}  // namespace

const Family qwen3_family{"Qwen3ForCausalLM", [](const ModelShape& shape, const ParameterSource& source) {
                            return std::unique_ptr<Model>(std::make_unique<Qwen3>(shape, source));
                          }};

}  // namespace golong
