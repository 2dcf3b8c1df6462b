#include "core/train/passes.h"

#include <algorithm>
#include <numeric>

namespace golong {
namespace {

int64_t most_prompt_tokens(const Group& group, int64_t contexts) {
  int64_t most = 0;
  for (int64_t rank = 0; rank < contexts; ++rank) {
    const auto tokens = static_cast<int64_t>(group.prompt.token_ids.size());
    most = std::max(most, nn::prompt_tokens(tokens, rank, contexts));
  }
  return most;
}

int64_t most_tokens(const Group& group, const Part& part) {
  int64_t most = 0;
  for (const std::vector<size_t>& responses : part) most = std::max(most, tokens_of({&group, responses}));
  return most;
}

}  // namespace

Passes plan_passes(const std::vector<const Group*>& groups, int64_t token_budget, bool share_prefix, int64_t contexts) {
  Passes passes;
  std::vector<const Group*> small;
  for (const Group* group : groups) {
    if (share_prefix && packed_tokens(*group, true, contexts) > token_budget) {
      passes.large.push_back({group, response_parts(*group, token_budget, contexts)});
    } else {
      small.push_back(group);
    }
  }
  passes.packed = split(small, token_budget, share_prefix, contexts);
  return passes;
}

std::vector<Part> response_parts(const Group& group, int64_t token_budget, int64_t contexts) {
  const int64_t room = std::max(token_budget - most_prompt_tokens(group, contexts), token_budget / 4);
  const std::vector<std::vector<size_t>> dealt = deal(group, contexts);
  std::vector<Part> parts;
  for (size_t rank = 0; rank < dealt.size(); ++rank) {
    size_t part = 0;
    int64_t used = 0;
    for (const size_t response : dealt[rank]) {
      const int64_t tokens = tokens_of({&group, {response}});
      if (used > 0 && used + tokens > room) {
        ++part;
        used = 0;
      }
      if (part == parts.size()) parts.emplace_back(static_cast<size_t>(contexts));
      parts[part][rank].push_back(response);
      used += tokens;
    }
  }
  std::erase_if(parts, [&](const Part& part) { return most_tokens(group, part) == 0; });
  return parts;
}

std::vector<std::vector<const Group*>> deal_groups(const std::vector<const Group*>& groups, int64_t parts,
                                                   const std::function<double(const Group&)>& work) {
  std::vector<double> each, load(static_cast<size_t>(parts));
  for (const Group* group : groups) each.push_back(work(*group));
  std::vector<size_t> order(groups.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return each[a] > each[b]; });
  std::vector<std::vector<size_t>> dealt(load.size());
  for (const size_t i : order) {
    const auto least = static_cast<size_t>(std::ranges::min_element(load) - load.begin());
    dealt[least].push_back(i);
    load[least] += each[i];
  }
  std::vector<std::vector<const Group*>> result(load.size());
  for (size_t part = 0; part < load.size(); ++part) {
    std::ranges::sort(dealt[part]);
    for (const size_t i : dealt[part]) result[part].push_back(groups[i]);
  }
  return result;
}

void fill_up(std::vector<Passes>& all, int64_t contexts) {
  size_t packed = 0, large = 0;
  for (Passes& passes : all) {
    // Those with many parts meet each other.
    std::stable_sort(passes.large.begin(), passes.large.end(),
                     [](const LargePass& a, const LargePass& b) { return a.parts.size() > b.parts.size(); });
    packed = std::max(packed, passes.packed.size());
    large = std::max(large, passes.large.size());
  }
  for (Passes& passes : all) {
    passes.packed.resize(packed);
    passes.large.resize(large);
  }
  for (size_t i = 0; i < large; ++i) {
    size_t parts = 0;
    for (const Passes& passes : all) parts = std::max(parts, passes.large[i].parts.size());
    for (Passes& passes : all) passes.large[i].parts.resize(parts, Part(static_cast<size_t>(contexts)));
  }
}

int64_t most_tokens(const std::vector<const Group*>& groups, bool share_prefix, int64_t contexts) {
  int64_t tokens = 0;
  for (const Group* group : groups) tokens += packed_tokens(*group, share_prefix, contexts);
  return tokens;
}

int64_t most_tokens(const LargePass& pass, int64_t contexts) {
  if (!pass.group) return 0;
  int64_t largest = 0;
  for (const Part& part : pass.parts) largest = std::max(largest, most_tokens(*pass.group, part));
  return most_prompt_tokens(*pass.group, contexts) + largest;
}

}  // namespace golong
