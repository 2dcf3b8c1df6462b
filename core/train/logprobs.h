// `golong logprobs`: the log-probabilities that a model gives to responses.
#pragma once
#include <string>

namespace golong {

// Reads rows {id, prompt_ids, response_ids} from `input` and writes {id, logprobs} to `output`, in order: natural
// logarithm, temperature 1. `dtype`: "" as config.json says. Throws Error with FILE:LINE for a bad row.
void write_logprobs(const std::string& model, const std::string& input, const std::string& output,
                    const std::string& dtype, const std::string& device);

}  // namespace golong
