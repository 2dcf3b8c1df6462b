// Which mesh to take.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/scale/memory.h"
#include "core/scale/seconds.h"

namespace golong::scale {

// What one mesh would need and take.
struct Candidate {
  ParallelConfig mesh;
  RankMemory memory;
  StepSeconds seconds;
  bool fits = false;
};
Candidate examine(const Workload& work, const ParallelConfig& mesh, const Devices& devices);

// Why the model cannot run on the mesh, and the key to change.
struct MeshMistake {
  std::string key;  // "parallel.expert"
  std::string text;
};
std::optional<MeshMistake> mistake_of(const ParallelConfig& mesh, const ModelShape& shape);

// All meshes of so many ranks that the model can run on, each with the other keys of `as` (zero, context_method).
std::vector<ParallelConfig> meshes_of(int64_t ranks, const ParallelConfig& as, const ModelShape& shape);

// Of all meshes that fit the one with the smallest predicted seconds; where none fits, the one that needs least memory.
Candidate suggest(const Workload& work, int64_t ranks, const ParallelConfig& as, const Devices& devices);

}  // namespace golong::scale
