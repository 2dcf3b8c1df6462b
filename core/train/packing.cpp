#include "core/train/packing.h"

#include <ATen/ATen.h>

namespace golong {
namespace {

// The lists that become the tensors of a Packed.
struct Lists {
  std::vector<int64_t> ids, positions, rows, targets, prompt_rows, prompt_targets;
  std::vector<nn::GroupLayout> layouts;

  void add_prompt(const std::vector<int32_t>& prompt) {
    layouts.emplace_back().prompt = static_cast<int64_t>(prompt.size());
    for (size_t i = 0; i < prompt.size(); ++i) {
      if (i > 0) {
        prompt_rows.push_back(static_cast<int64_t>(ids.size()) - 1);
        prompt_targets.push_back(prompt[i]);
      }
      ids.push_back(prompt[i]);
      positions.push_back(static_cast<int64_t>(i));
    }
    last_of_prompt_ = static_cast<int64_t>(ids.size()) - 1;
  }

  void add_response(const std::vector<int32_t>& tokens) {
    nn::GroupLayout& layout = layouts.back();
    for (size_t i = 0; i < tokens.size(); ++i) {
      rows.push_back(i == 0 ? last_of_prompt_ : static_cast<int64_t>(ids.size()) - 1);
      targets.push_back(tokens[i]);
      ids.push_back(tokens[i]);
      positions.push_back(layout.prompt + static_cast<int64_t>(i));
    }
    layout.responses.push_back(static_cast<int64_t>(tokens.size()));
  }

 private:
  int64_t last_of_prompt_ = 0;
};

}  // namespace

int64_t packed_tokens(const Group& group, bool share_prefix) {
  const size_t prompts = share_prefix ? 1 : group.responses.size();
  size_t tokens = prompts * group.prompt.token_ids.size();
  for (const Response& response : group.responses) tokens += response.token_ids.size();
  return static_cast<int64_t>(tokens);
}

Packed pack(const std::vector<const Group*>& groups, at::Device device, bool share_prefix) {
  Lists lists;
  for (const Group* group : groups) {
    if (share_prefix) lists.add_prompt(group->prompt.token_ids);
    for (const Response& response : group->responses) {
      if (!share_prefix) lists.add_prompt(group->prompt.token_ids);
      lists.add_response(response.token_ids);
    }
  }
  const auto tensor = [&](const std::vector<int64_t>& values) { return at::tensor(values, at::kLong).to(device); };
  return {std::move(lists.layouts), tensor(lists.ids),         tensor(lists.positions),     tensor(lists.rows),
          tensor(lists.targets),    tensor(lists.prompt_rows), tensor(lists.prompt_targets)};
}

std::vector<std::vector<const Group*>> split(const std::vector<const Group*>& groups, int64_t token_budget,
                                             bool share_prefix) {
  std::vector<std::vector<const Group*>> parts;
  int64_t used = 0;
  for (const Group* group : groups) {
    int64_t tokens = packed_tokens(*group, share_prefix);
    if (parts.empty() || used + tokens > token_budget) {
      parts.emplace_back();
      used = 0;
    }
    parts.back().push_back(group);
    used += tokens;
  }
  return parts;
}

}  // namespace golong
