#include "core/train/packing.h"

#include <ATen/ATen.h>

namespace golong {
namespace {

int64_t tokens_of(const Group& group) {
  size_t tokens = group.prompt.token_ids.size();
  for (const Response& response : group.responses) tokens += response.token_ids.size();
  return static_cast<int64_t>(tokens);
}

}  // namespace

Packed pack(const std::vector<const Group*>& groups, at::Device device) {
  Packed packed;
  std::vector<int64_t> ids, positions, rows, targets, response, lengths, prompt_rows, prompt_targets;
  for (const Group* group : groups) {
    const auto& prompt = group->prompt.token_ids;
    nn::GroupLayout layout;
    layout.prompt = static_cast<int64_t>(prompt.size());
    for (size_t i = 0; i < prompt.size(); ++i) {
      if (i > 0) {
        prompt_rows.push_back(static_cast<int64_t>(ids.size()) - 1);
        prompt_targets.push_back(prompt[i]);
      }
      ids.push_back(prompt[i]);
      positions.push_back(static_cast<int64_t>(i));
    }
    int64_t last_of_prompt = static_cast<int64_t>(ids.size()) - 1;
    for (const Response& r : group->responses) {
      for (size_t i = 0; i < r.token_ids.size(); ++i) {
        rows.push_back(i == 0 ? last_of_prompt : static_cast<int64_t>(ids.size()) - 1);
        targets.push_back(r.token_ids[i]);
        response.push_back(static_cast<int64_t>(lengths.size()));
        ids.push_back(r.token_ids[i]);
        positions.push_back(layout.prompt + static_cast<int64_t>(i));
      }
      lengths.push_back(static_cast<int64_t>(r.token_ids.size()));
      layout.responses.push_back(lengths.back());
    }
    packed.layouts.push_back(std::move(layout));
  }
  auto tensor = [&](const std::vector<int64_t>& values) { return at::tensor(values, at::kLong).to(device); };
  packed.token_ids = tensor(ids);
  packed.positions = tensor(positions);
  packed.rows = tensor(rows);
  packed.targets = tensor(targets);
  packed.response = tensor(response);
  packed.lengths = tensor(lengths);
  packed.prompt_rows = tensor(prompt_rows);
  packed.prompt_targets = tensor(prompt_targets);
  return packed;
}

std::vector<std::vector<const Group*>> split(const std::vector<const Group*>& groups, int64_t token_budget) {
  std::vector<std::vector<const Group*>> parts;
  int64_t used = 0;
  for (const Group* group : groups) {
    int64_t tokens = tokens_of(*group);
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
