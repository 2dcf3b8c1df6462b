// `golong logprobs`: the log-probabilities that a model gives to responses.
#pragma once
#include "core/train/api.h"

namespace golong {

// Reads rows {id, prompt_ids, response_ids} and writes {id, logprobs}, in order: natural logarithm, temperature 1. All
// rows are checked first. Goes on behind the rows that an earlier call has written (train/part_file.h). Throws Stopped,
// and Error with FILE:LINE for a bad row.
void write_logprobs(const LogprobsOptions& options, StopFlag* stop);

}  // namespace golong
