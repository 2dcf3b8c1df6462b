#include "core/train/rank_step.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/rank_errors.h"

namespace golong {
namespace {

void check_replicas(const std::vector<RankStep>& ranks, const parallel::MeshShape& shape, int64_t step) {
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    parallel::Place place = parallel::place_of(static_cast<int64_t>(rank), shape);
    place.replicate = 0;
    const auto first = static_cast<size_t>(parallel::rank_at(place, shape));
    if (ranks[rank].fingerprint == ranks[first].fingerprint) continue;
    throw ReplicasDiffer("after step " + std::to_string(step) + " ranks " + std::to_string(first) + " and " +
                         std::to_string(rank) +
                         " have different weights, but are replicas (parallel.replicate) that compute the same: one of "
                         "them has computed something wrong, or their processors round differently. The checkpoints "
                         "before this step are good: go on with --resume, on processors of one kind");
  }
}

}  // namespace

Metrics exchange_step(const parallel::Mesh& mesh, int64_t step, const RankStep& mine) {
  Encoder out;
  out.number(mine.wait_seconds).number(mine.sent_bytes).number(mine.peak_memory_bytes).number(mine.fingerprint);
  std::vector<RankStep> ranks;
  for (const std::string& text : mesh.all.gather(out.take())) {
    Decoder in(text);
    RankStep& rank = ranks.emplace_back();
    rank.wait_seconds = in.number<double>();
    rank.sent_bytes = in.number<double>();
    rank.peak_memory_bytes = in.number<double>();
    rank.fingerprint = in.number<int64_t>();
  }
  check_replicas(ranks, mesh.shape, step);
  Metrics metrics;
  double sent = 0, peak = 0;
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    metrics["ranks/wait_seconds/" + std::to_string(rank)] = ranks[rank].wait_seconds;
    sent += ranks[rank].sent_bytes;
    peak = std::max(peak, ranks[rank].peak_memory_bytes);
  }
  metrics["ranks/sent_bytes"] = sent;
  metrics["perf/peak_memory_bytes"] = peak;
  return metrics;
}

}  // namespace golong
