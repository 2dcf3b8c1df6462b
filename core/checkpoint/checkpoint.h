// Checkpoints: everything that a run needs to go on exactly, in one folder a step, written atomically.
//
//   checkpoints/step-00000012/
//     model.safetensors       weights in the run's dtype, Hugging Face names; or shards with their index
//     optimizer.safetensors   moments and master weights, likewise
//     <name> ...              texts: sampler.json, normalizer.state, config.toml, ...
//     manifest.json           step, metrics, and size and hash of every other file (manifest.h); written last
//
// Several ranks write what each keeps: model.rank-00003.safetensors and optimizer.rank-00003.safetensors, with parts of
// tensors (checkpoint/pieces.h); the texts are the first rank's.
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

#include "core/checkpoint/together.h"
#include "core/config/config.h"
#include "core/report/metrics.h"

namespace golong {

struct Snapshot {
  int64_t step = 0;
  std::vector<std::pair<std::string, at::Tensor>> weights;    // on any device; whole, or parts (checkpoint/pieces.h)
  std::vector<std::pair<std::string, at::Tensor>> optimizer;  // likewise
  std::map<std::string, std::string> texts;                   // file name -> contents
  Metrics metrics;                                            // of the step, for checkpoint.keep_best_metric
};

// Not thread-safe; copies are the same store.
class CheckpointStore {
 public:
  // Makes the folder; removes nothing before it saves, so that others may read.
  // Of several ranks all call save() and load_newest() together; each gives the tensors that it keeps, maybe none, and
  // gets those of all.
  explicit CheckpointStore(std::filesystem::path folder, CheckpointConfig config = {}, CheckpointRanks ranks = {});

  // Removes what interrupted saves left behind, before it writes so that there is room, and afterwards what need not be
  // kept: all but the newest `config.keep` and the best. Checkpoints of later steps go: the run went on from
  // before them. Damaged ones after the one that was loaded do not count among the newest. Throws Error with the
  // system's reason (a full disk, say) and what to do; older checkpoints are then all still there.
  void save(const Snapshot& snapshot);

  // The newest checkpoint that is whole, verified by size and hash; a damaged or unfinished one is named in a warning
  // and the one before is taken. None where there is none. Throws Error where there are some and all are damaged.
  std::optional<Snapshot> load_newest() const;

  // Adds to the metrics of a checkpoint what became known of its step later. The first rank calls it. Throws Error
  // where its manifest is damaged or cannot be written.
  void add_metrics(int64_t step, const Metrics& more) const;

  std::vector<std::filesystem::path> list() const;  // oldest first

  struct Best {
    std::filesystem::path folder;
    int64_t step = 0;
    double value = 0;
  };
  // The best by `config.keep_best_metric` of those that have it, of equal ones the oldest. None where none has it.
  std::optional<Best> best() const;

 private:
  void write(const Snapshot& snapshot, const std::filesystem::path& target);
  CheckpointFiles write_files(const Snapshot& snapshot, const std::filesystem::path& folder) const;
  std::string hear(const std::string& said) const;
  void remove_old(const std::filesystem::path& newest);

  std::filesystem::path folder_;
  CheckpointConfig config_;
  CheckpointRanks ranks_;
  // What copies share.
  struct State {
    int64_t together = 0;                 // what was done together so far
    std::optional<int64_t> went_on_from;  // the step that was loaded, until something is saved
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// Reads one checkpoint and verifies it; its tensors are views of the files. Throws Error that names the file that is
// missing or damaged.
Snapshot read_checkpoint(const std::filesystem::path& folder);

}  // namespace golong
