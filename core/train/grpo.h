// The GRPO loop: start here to follow one response from the sampler to the gradient.
#pragma once
#include <cstdint>
#include <memory>

#include "core/config/config.h"
#include "core/plugin/registry.h"
#include "core/train/api.h"

namespace golong {

// Trains as config says; writes metrics.jsonl, samples.jsonl, summary.json, run.json, report.html and checkpoints/ into
// config.run.directory. Returns the last step that was done. A stop (flag or callback) saves first.
// Throws Error for what a user can mend, before anything is loaded where possible.
int64_t run_grpo(const Config& config, std::shared_ptr<const plugin::Registry> registry, const TrainOptions& options);

}  // namespace golong
