#include "core/scale/generation.h"

#include <algorithm>
#include <cmath>

#include "core/model/parameter_count.h"
#include "core/nn/decode_item.h"
#include "core/scale/memory.h"
#include "core/scale/seconds.h"

namespace golong::scale {
namespace {

double divide_up(int64_t a, int64_t b) {
  const int64_t whole = (a + b - 1) / b;
  return static_cast<double>(whole);
}

int64_t prompts_of(int64_t together, int64_t n) { return (together + n - 1) / n; }

int64_t fitting(const Workload& work, int64_t most, int64_t kv_bytes) {
  const int64_t prompt = page_bytes(work.shape, work.usual.prompt, work.number_bytes);
  const int64_t response = page_bytes(work.shape, work.usual.response, work.number_bytes);
  const auto fits = [&](int64_t together) {
    return prompts_of(together, work.longest.n) * prompt + together * response <= kv_bytes;
  };
  int64_t low = 1, high = std::max<int64_t>(most, 1);  // one is let in whatever there is
  while (low < high) {
    const int64_t middle = (low + high + 1) / 2;
    fits(middle) ? low = middle : high = middle - 1;
  }
  return low;
}

// Parameters that are read for `rows` tokens: of the experts of this rank those that one of them is sent to, where the
// router loves all alike. Rows of all expert ranks meet.
double read_parameters(const ModelShape& shape, const ParallelConfig& mesh, int64_t rows) {
  const ExpertShape& experts = shape.experts;
  double count = static_cast<double>(shape.vocabulary * shape.hidden);  // the head; of the embedding a row is read
  const auto all_rows = static_cast<double>(rows * mesh.expert);
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    const auto all = static_cast<double>(layer_parameter_count(shape, layer));
    if (!experts.in_layer(layer)) {
      count += all;
      continue;
    }
    const auto of_experts = static_cast<double>(3 * experts.count * shape.hidden * experts.intermediate);
    const double miss = 1 - static_cast<double>(experts.per_token) / static_cast<double>(experts.count);
    count += all - of_experts + of_experts / static_cast<double>(mesh.expert) * (1 - std::pow(miss, all_rows));
  }
  return count;
}

// Of the experts' rows for `tokens` in one forward pass.
double expert_seconds(const Workload& work, const ParallelConfig& mesh, const Devices& devices, int64_t tokens) {
  const int64_t away = expected_rows_away(work.shape, tokens, mesh.expert);
  return exchange_seconds(expert_traffic(work.shape, mesh, work.number_bytes, away, false, 0),
                          span_of(mesh, Among::expert, devices.count), devices.device);
}

}  // namespace

double decode_seconds(const Workload& work, const ParallelConfig& mesh, const Devices& devices, int64_t together) {
  const Device& device = devices.device;
  const auto rows = static_cast<double>(together), own = static_cast<double>(work.usual.response) / 2;
  const double key = static_cast<double>(page_bytes(work.shape, 1, work.number_bytes)) / nn::kPageTokens;
  const auto prompt = static_cast<double>(work.usual.prompt);
  const double bytes = read_parameters(work.shape, mesh, together) * static_cast<double>(work.number_bytes) +
                       key * (static_cast<double>(prompts_of(together, work.longest.n)) * prompt + rows * own);
  const double flops = forward_flops(work.shape, {rows, rows * (prompt + own), rows});
  return std::max(bytes / (device.bandwidth * kDecodeShare), flops / (device.flops * kPrefillShare)) +
         expert_seconds(work, mesh, devices, together);
}

Generation generation_seconds(const Workload& work, const ParallelConfig& mesh, const Devices& devices,
                              int64_t kv_bytes) {
  const auto prompts = static_cast<int64_t>(divide_up(work.drawn, ranks_of(mesh)));
  const int64_t responses = prompts * work.longest.n;
  const int64_t together = fitting(work, std::min(work.running, responses), kv_bytes);
  PassSize prompt;
  prompt.add_prompt(static_cast<double>(work.usual.prompt));
  const double share = kPrefillShare * (work.shape.experts.count > 0 ? kExpertShare : 1);
  const double one = forward_flops(work.shape, prompt) / (devices.device.flops * share) +
                     expert_seconds(work, mesh, devices, work.usual.prompt);
  // Responses that run together end together; the next take their places.
  const double decoded = divide_up(responses, together) * static_cast<double>(work.usual.response) *
                         decode_seconds(work, mesh, devices, together);
  return {static_cast<double>(prompts) * one + decoded, together};
}

}  // namespace golong::scale
