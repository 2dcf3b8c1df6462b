// The metrics of a run as TensorBoard reads them: one event file for each start of the run, in a folder of its own. The
// curves are named as the numbers of metrics.jsonl.
#pragma once
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>

#include "core/report/metrics.h"

namespace golong {

// Not thread-safe: one writer.
class TensorBoardWriter {
 public:
  // `resumed_step`: the step of the checkpoint that the run goes on from; later steps are cut off the files before, so
  // that no step stands twice. None: a new run, the files of the one before are removed.
  TensorBoardWriter(const std::filesystem::path& folder, std::optional<int64_t> resumed_step);

  // Flushed. Throws Error when the disk is full.
  void write(int64_t step, const Metrics& metrics);
  // What was written survives the machine's end from then on.
  void sync_to_disk() const;

 private:
  std::filesystem::path path_;
  std::ofstream out_;
};

}  // namespace golong
