// Choosing tokens: Gumbel-max with noise that is a function of what it is for.
#pragma once
#include <cstdint>
#include <span>

namespace golong {

struct TokenChoice {
  int32_t token = 0;
  float logprob = 0;  // natural, of softmax(logits / temperature) over the whole vocabulary; greedy: at temperature 1
};

struct CutOffs {
  double temperature = 1;  // 0: the most likely token
  double top_p = 1;
  int64_t top_k = 0;  // 0: all
  double min_p = 0;   // share of the highest probability that a token has at least; 0: all
};

// Picks argmax_i logits[i] / temperature + gumbel(noise_key, i) among the tokens that the cut-offs leave. A token's
// noise depends on its id and the key alone, so that a small change of the logits hardly ever changes the choice. Ties
// go to the lower id. A row that holds NaN or +infinity gives a NaN log-probability. Thread-safe.
TokenChoice choose_token(std::span<const float> logits, const CutOffs& cut_offs, uint64_t noise_key);

}  // namespace golong
