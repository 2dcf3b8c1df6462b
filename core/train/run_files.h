// What a run writes for people: metrics, samples, the table before and after, the report.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/data/group.h"
#include "core/eval/evaluate.h"
#include "core/report/metrics.h"
#include "core/report/samples.h"
#include "core/report/summary.h"
#include "core/report/tensorboard.h"
#include "core/text/tokenizer.h"

namespace golong {

class RunFiles {
 public:
  // `resumed_step`: see MetricsWriter.
  RunFiles(const Config& config, std::optional<int64_t> resumed_step);

  void step(int64_t step, const Metrics& metrics);
  // What was measured after the newest step, whose line is there without it.
  void measured_late(int64_t step, const Metrics& metrics);
  // Keeps the first response of some groups, spread over the batch.
  void samples(int64_t step, const std::vector<Group>& groups, const std::vector<std::vector<double>>& advantages,
               const Tokenizer& tokenizer);
  // Steps and samples that were written survive the machine's end from then on.
  void sync_to_disk() const;
  // Both write summary.json, so that a resumed run still knows what was before; `after` prints the table. `step`: the
  // newest one.
  void before(const Evaluation& evaluation);
  void after(int64_t step, const Evaluation& evaluation);
  // Writes report.html, where the config asks for it.
  void report() const;

 private:
  std::filesystem::path directory_;
  ReportConfig config_;
  MetricsWriter metrics_;
  SampleWriter samples_;
  std::optional<TensorBoardWriter> tensorboard_;
  Summary summary_;
  bool measured_ = false;             // summary.json says how the model scores after the newest step
  std::optional<int64_t> evaluated_;  // the newest step whose own metrics say it
};

}  // namespace golong
