// A batch as JSON lines, for people who ask what went wrong with it.
#pragma once
#include <filesystem>
#include <vector>

#include "core/data/group.h"
#include "core/text/tokenizer.h"

namespace golong {

// One line for each group: {uid, task, reward, prompt, prompt_ids, gold, responses: [{text, token_ids,
// rollout_logprobs, finish, outcome, reward, penalty, advantage}]}. Numbers that are not finite are null.
void write_batch(const std::filesystem::path& path, const std::vector<Group>& groups,
                 const std::vector<std::vector<double>>& advantages, const Tokenizer& tokenizer);

}  // namespace golong
