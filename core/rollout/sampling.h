// Choosing tokens: Gumbel-max with noise that is a function of what it is for.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace golong {

// How the distribution that tokens are drawn from is made of a model's logits, in this order.
struct SamplingRule {
  double repetition_penalty = 1;  // divides the positive logits of tokens seen before, multiplies the negative ones
  double temperature = 1;         // 0: the most likely token
  int64_t top_k = 0;              // 0: all
  double top_p = 1;
  double min_p = 0;  // share of the highest probability that a token has at least; 0: all

  bool keeps_all() const { return top_k == 0 && top_p >= 1 && min_p == 0; }
  bool is_model() const { return keeps_all() && temperature == 1 && repetition_penalty == 1; }
};

// Tokens that a text holds, each once.
class SeenTokens {
 public:
  void add(int32_t token);
  std::span<const int32_t> ids() const { return ids_; }

 private:
  std::vector<int32_t> ids_;
  std::vector<bool> known_;  // by token id
};

struct TokenChoice {
  int32_t token = 0;
  // Natural logarithms of the token's probability: under the model's own distribution softmax(logits), and under the
  // one that it was drawn from (what is cut off has none; at temperature 0 it is certain).
  float logprob = 0;
  float sampled_logprob = 0;
};

// Picks argmax_i logits[i] / temperature + gumbel(noise_key, i) among the tokens that the rule leaves. A token's noise
// depends on its id and the key alone, so that a small change of the logits hardly ever changes the choice. Ties go to
// the lower id. `seen`: the tokens that the penalty is for, each once. A row that holds NaN or +infinity gives NaN.
// Thread-safe.
TokenChoice choose_token(std::span<const float> logits, const SamplingRule& rule, std::span<const int32_t> seen,
                         uint64_t noise_key);

}  // namespace golong
