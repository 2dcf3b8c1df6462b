// Checkpoints: everything that a run needs to go on exactly, in one folder a step, written atomically.
//
//   checkpoints/step-00000012/
//     model.safetensors       weights in the run's dtype, Hugging Face names
//     optimizer.safetensors   moments and master weights
//     <name> ...              texts: sampler.json, normalizer.state, config.toml, ...
//     manifest.json           step, version, and size and hash of every other file; written last
//
// A folder is written under a temporary name, flushed, and renamed: a reader finds a whole checkpoint or none.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace golong {

struct Snapshot {
  int64_t step = 0;
  std::vector<std::pair<std::string, at::Tensor>> weights;
  std::vector<std::pair<std::string, at::Tensor>> optimizer;
  std::map<std::string, std::string> texts;  // file name -> contents
};

// Not thread-safe.
class CheckpointStore {
 public:
  // Keeps the newest `keep`. Makes the folder; removes nothing before it saves, so that others may read.
  CheckpointStore(std::filesystem::path folder, int64_t keep);

  // Removes what interrupted saves left behind first. Throws Error with the system's reason (a full disk, say); older
  // checkpoints are then all still there. Checkpoints of later steps go: the run went on from before them.
  void save(const Snapshot& snapshot);

  // The newest checkpoint that is whole, verified by size and hash; a damaged one is named in a warning and the one
  // before is taken. None where there is none. Throws Error where there are some and all are damaged.
  std::optional<Snapshot> load_newest() const;

  std::vector<std::filesystem::path> list() const;  // oldest first

 private:
  std::filesystem::path folder_;
  int64_t keep_;
};

// Reads and verifies one checkpoint. Throws Error that names the file that is missing or damaged.
Snapshot read_checkpoint(const std::filesystem::path& folder);

}  // namespace golong
