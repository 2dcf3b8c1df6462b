#include "core/model/rope.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace golong {
namespace {

// The dimension (a real number) whose pair turns `turns` times over the original positions.
double dimension_of(double turns, const RopeShape& rope, double head_dim) {
  return head_dim * std::log(rope.original_positions / (turns * 2 * std::numbers::pi)) / (2 * std::log(rope.theta));
}

// Pairs that turn often keep their frequency, those that turn hardly once are stretched, a ramp lies between.
at::Tensor yarn(const RopeShape& rope, int64_t head_dim, const at::Tensor& waves) {
  const auto dimensions = static_cast<double>(head_dim);
  double low = dimension_of(rope.beta_fast, rope, dimensions), high = dimension_of(rope.beta_slow, rope, dimensions);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dimensions - 1);
  if (low == high) high += 0.001;
  const at::Tensor kept = 1 - ((at::arange(waves.size(0), at::kFloat) - low) / (high - low)).clamp(0, 1);
  return (rope.factor * waves).reciprocal() * (1 - kept) + waves.reciprocal() * kept;
}

// Long waves are stretched, short ones kept, those between mixed by their length.
at::Tensor llama3(const RopeShape& rope, const at::Tensor& frequencies) {
  const at::Tensor wave = 2 * std::numbers::pi / frequencies;
  const double longest = rope.original_positions / rope.low_frequency;
  const double shortest = rope.original_positions / rope.high_frequency;
  const at::Tensor stretched = at::where(wave > longest, frequencies / rope.factor, frequencies);
  const at::Tensor kept =
      (rope.original_positions / wave - rope.low_frequency) / (rope.high_frequency - rope.low_frequency);
  const at::Tensor mixed = (1 - kept) * stretched / rope.factor + kept * stretched;
  return at::where((wave < shortest).logical_or(wave > longest), stretched, mixed);
}

}  // namespace

at::Tensor rope_frequencies(const RopeShape& rope, int64_t head_dim) {
  const at::Tensor exponent = at::arange(0, head_dim, 2, at::kFloat) / static_cast<double>(head_dim);
  const at::Tensor waves = at::pow(rope.theta, exponent);
  if (rope.type == "linear") return waves.reciprocal() / rope.factor;
  if (rope.type == "yarn") return yarn(rope, head_dim, waves);
  if (rope.type == "llama3") return llama3(rope, waves.reciprocal());
  return waves.reciprocal();
}

}  // namespace golong
