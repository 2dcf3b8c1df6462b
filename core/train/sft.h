// Supervised training on gold answers: the same model, data and packing as GRPO, a group of one perfect response each.
#pragma once
#include <memory>
#include <string>

#include "core/config/config.h"
#include "core/plugin/registry.h"
#include "core/train/api.h"

namespace golong {

// Trains config.model on config.data.train and writes a Hugging Face folder to `output`, first at each evaluation (so
// that a run that is cut off leaves something), then at the end, in `dtype` ("": model.dtype). Reports the held-out
// loss on config.data.eval.
void run_sft(const Config& config, std::shared_ptr<const plugin::Registry> registry, const std::string& output,
             const std::string& dtype, StopFlag* stop);

}  // namespace golong
