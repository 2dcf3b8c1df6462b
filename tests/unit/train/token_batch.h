// The response tokens of a micro-batch as plain numbers in float64, and as the loss takes them.
#pragma once
#include <ATen/ATen.h>

#include <vector>

#include "core/base/random.h"
#include "core/train/loss.h"

namespace golong {

// Two responses of 3 and 5 tokens.
struct TokenBatch {
  std::vector<int64_t> lengths{3, 5};
  std::vector<double> logprobs, old_logprobs, rollout, reference, entropy, advantages;
  std::vector<int64_t> response;

  // `spread`: how far the kinds of log-probabilities are apart.
  TokenBatch(uint64_t seed, double spread) {
    RandomSequence random(random_key({seed}));
    auto near = [&](double value) { return value + spread * (2 * random.uniform() - 1); };
    for (size_t r = 0; r < lengths.size(); ++r) {
      double advantage = 4 * random.uniform() - 2;
      for (int64_t i = 0; i < lengths[r]; ++i) {
        old_logprobs.push_back(-3 * random.uniform());
        logprobs.push_back(near(old_logprobs.back()));
        rollout.push_back(near(old_logprobs.back()));
        reference.push_back(near(old_logprobs.back()));
        entropy.push_back(2 * random.uniform());
        advantages.push_back(advantage);
        response.push_back(static_cast<int64_t>(r));
      }
    }
  }

  double length(size_t token) const { return static_cast<double>(lengths[static_cast<size_t>(response[token])]); }

  LossInput input() const {
    auto floats = [](const std::vector<double>& values) { return at::tensor(values, at::kDouble).to(at::kFloat); };
    return {.logprobs = floats(logprobs).requires_grad_(true),
            .entropy = floats(entropy).requires_grad_(true),
            .old_logprobs = floats(old_logprobs),
            .rollout_logprobs = floats(rollout),
            .reference_logprobs = floats(reference),
            .advantages = floats(advantages),
            .response = at::tensor(response, at::kLong),
            .lengths = at::tensor(lengths, at::kLong)};
  }
};

}  // namespace golong
