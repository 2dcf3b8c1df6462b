// `golong generate`: responses of a model to the prompts of a file.
#pragma once
#include "core/train/api.h"

namespace golong {

// Reads rows with a `prompt` (docs/reference/dataset.md) and writes each row without it, with what was generated:
// `response` (n texts), `response_ids`, `finish` ("stop", "length") and, where asked, `logprobs` and
// `sampled_logprobs`. In the order of the input; as the rows have their other columns, `golong score` reads the output.
//
// Writes OUTPUT.part until all rows are done, and goes on from there where it is the part of the same work. Returns the
// number of rows in the output. Throws Stopped, and Error with FILE:LINE for a bad row; what is done stays.
int64_t write_responses(const GenerateOptions& options, StopFlag* stop);

}  // namespace golong
