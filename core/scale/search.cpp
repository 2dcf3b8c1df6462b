#include "core/scale/search.h"

#include <algorithm>

namespace golong::scale {

Candidate examine(const Workload& work, const ParallelConfig& mesh, const Devices& devices) {
  Candidate candidate{mesh, rank_memory(work, mesh, devices.device), {}, false};
  candidate.fits = fits(candidate.memory, devices.device);
  candidate.seconds = step_seconds(work, mesh, devices, candidate.memory.keys_and_values);
  return candidate;
}

std::optional<MeshMistake> mistake_of(const ParallelConfig& mesh, const ModelShape& shape) {
  if (mesh.expert > 1 && shape.experts.count == 0) {
    return MeshMistake{"parallel.expert",
                       "the model has no experts that ranks could spread among them; expected 1, found " +
                           std::to_string(mesh.expert)};
  }
  if (mesh.expert > 1 && shape.experts.count % mesh.expert != 0) {
    return MeshMistake{"parallel.expert", "expected a number that divides the model's " +
                                              std::to_string(shape.experts.count) + " experts, found " +
                                              std::to_string(mesh.expert)};
  }
  if (mesh.context_method == "heads" && shape.kv_heads % mesh.context != 0) {
    return MeshMistake{"parallel.context",
                       "with parallel.context_method = \"heads\" expected a number that divides the "
                       "model's " +
                           std::to_string(shape.kv_heads) + " key-value heads, found " + std::to_string(mesh.context) +
                           "; or set it to \"gather\""};
  }
  return {};
}

std::vector<ParallelConfig> meshes_of(int64_t ranks, const ParallelConfig& as, const ModelShape& shape) {
  std::vector<ParallelConfig> meshes;
  ParallelConfig mesh = as;
  for (mesh.replicate = 1; mesh.replicate <= ranks; ++mesh.replicate) {
    if (ranks % mesh.replicate != 0) continue;
    const int64_t left = ranks / mesh.replicate;
    for (mesh.expert = 1; mesh.expert <= left; ++mesh.expert) {
      if (left % mesh.expert != 0) continue;
      for (mesh.context = 1; mesh.context <= left / mesh.expert; ++mesh.context) {
        if (left / mesh.expert % mesh.context != 0) continue;
        mesh.shard = left / mesh.expert / mesh.context;
        if (!mistake_of(mesh, shape)) meshes.push_back(mesh);
      }
    }
  }
  return meshes;
}

Candidate suggest(const Workload& work, int64_t ranks, const ParallelConfig& as, const Devices& devices) {
  std::vector<Candidate> candidates;
  for (const ParallelConfig& mesh : meshes_of(ranks, as, work.shape)) {
    candidates.push_back(examine(work, mesh, devices));
  }
  const bool on_cpu = devices.device.on_cpu;
  return *std::min_element(candidates.begin(), candidates.end(), [&](const Candidate& a, const Candidate& b) {
    if (a.fits != b.fits) return a.fits;
    return a.fits ? a.seconds.total() < b.seconds.total() : a.memory.total(on_cpu) < b.memory.total(on_cpu);
  });
}

}  // namespace golong::scale
