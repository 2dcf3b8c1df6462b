#include "core/train/packing.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace golong {
namespace {

int64_t length(const Response& response) { return static_cast<int64_t>(response.token_ids.size()); }

// The lists that become the tensors of a Packed, for one of some context ranks.
class Lists {
 public:
  // `shared`: rows that stand before those of [T] in what `rows` counts.
  Lists(int64_t rank, int64_t ranks, int64_t shared) : rank_(rank), ranks_(ranks), shared_(shared) {}

  std::vector<int64_t> ids, positions, rows, targets, prompt_rows, prompt_targets, last_rows;
  std::vector<nn::ContextLayout> layouts;

  void add_prompt(const std::vector<int32_t>& prompt) {
    const auto tokens = static_cast<int64_t>(prompt.size());
    layouts.push_back({tokens, std::vector<std::vector<int64_t>>(static_cast<size_t>(ranks_))});
    for (const nn::Chunk& chunk : nn::prompt_chunks(tokens, rank_, ranks_)) {
      for (int64_t i = chunk.start; i < chunk.end(); ++i) {
        if (i + 1 < tokens) {
          prompt_rows.push_back(row());
          prompt_targets.push_back(prompt[static_cast<size_t>(i) + 1]);
        }
        ids.push_back(prompt[static_cast<size_t>(i)]);
        positions.push_back(i);
      }
    }
    last_rows.push_back(rank_ == 0 ? row() - 1 : 0);
  }

  // Of the last prompt, computed by context rank `rank`.
  void add_response(const std::vector<int32_t>& tokens, int64_t rank) {
    nn::ContextLayout& layout = layouts.back();
    layout.responses[static_cast<size_t>(rank)].push_back(static_cast<int64_t>(tokens.size()));
    if (rank != rank_) return;
    const int64_t last_of_prompt = shared_ > 0 ? static_cast<int64_t>(layouts.size()) - 1 : last_rows.back();
    for (size_t i = 0; i < tokens.size(); ++i) {
      rows.push_back(i == 0 ? last_of_prompt : shared_ + row() - 1);
      targets.push_back(tokens[i]);
      ids.push_back(tokens[i]);
      positions.push_back(layout.prompt + static_cast<int64_t>(i));
    }
  }

 private:
  int64_t row() const { return static_cast<int64_t>(ids.size()); }  // the next one

  int64_t rank_, ranks_, shared_;
};

void add_group(const Group& group, bool share_prefix, const std::vector<std::vector<size_t>>& dealt, Lists& to) {
  if (share_prefix) {
    to.add_prompt(group.prompt.token_ids);
    for (size_t rank = 0; rank < dealt.size(); ++rank) {
      for (const size_t response : dealt[rank])
        to.add_response(group.responses[response].token_ids, static_cast<int64_t>(rank));
    }
    return;
  }
  std::vector<int64_t> rank_of(group.responses.size());
  for (size_t rank = 0; rank < dealt.size(); ++rank) {
    for (const size_t response : dealt[rank]) rank_of[response] = static_cast<int64_t>(rank);
  }
  for (size_t i = 0; i < group.responses.size(); ++i) {
    to.add_prompt(group.prompt.token_ids);
    to.add_response(group.responses[i].token_ids, rank_of[i]);
  }
}

}  // namespace

int64_t tokens_of(const Slice& slice) {
  int64_t tokens = 0;
  for (const size_t i : slice.responses) tokens += length(slice.group->responses[i]);
  return tokens;
}

std::vector<std::vector<size_t>> deal(const Group& group, int64_t contexts) {
  std::vector<int64_t> lengths;
  for (const Response& response : group.responses) lengths.push_back(length(response));
  const auto first = static_cast<int64_t>(group.prompt.key % static_cast<uint64_t>(contexts));
  return nn::deal_responses(lengths, contexts, first);
}

Packed pack(const std::vector<const Group*>& groups, at::Device device, bool share_prefix, const nn::Context& context) {
  int64_t prompts = 0;
  for (const Group* group : groups) {
    prompts += share_prefix ? 1 : static_cast<int64_t>(group->responses.size());
  }
  Lists lists(context.rank(), context.size(), context.alone() ? 0 : prompts);
  Packed packed;
  for (const Group* group : groups) {
    std::vector<std::vector<size_t>> dealt = deal(*group, context.size());
    add_group(*group, share_prefix, dealt, lists);
    packed.slices.push_back({group, std::move(dealt[static_cast<size_t>(context.rank())])});
  }
  const auto tensor = [&](const std::vector<int64_t>& values) { return at::tensor(values, at::kLong).to(device); };
  if (context.alone()) {
    for (nn::ContextLayout& layout : lists.layouts) {
      packed.layouts.push_back({layout.prompt, std::move(layout.responses[0])});
    }
  } else {
    using Attention = nn::ContextAttention;
    packed.context.emplace(PackedContext{
        context, Attention(lists.layouts, context, Attention::Prompts::in_rows, device), tensor(lists.last_rows)});
  }
  packed.token_ids = tensor(lists.ids);
  packed.positions = tensor(lists.positions);
  packed.rows = tensor(lists.rows);
  packed.targets = tensor(lists.targets);
  packed.prompt_rows = tensor(lists.prompt_rows);
  packed.prompt_targets = tensor(lists.prompt_targets);
  return packed;
}

int64_t packed_tokens(const Group& group, bool share_prefix, int64_t contexts) {
  const auto prompt = static_cast<int64_t>(group.prompt.token_ids.size());
  const int64_t prompts = share_prefix ? 1 : static_cast<int64_t>(group.responses.size());
  const std::vector<std::vector<size_t>> dealt = deal(group, contexts);
  int64_t most = 0;
  for (int64_t rank = 0; rank < contexts; ++rank) {
    const Slice slice{&group, dealt[static_cast<size_t>(rank)]};
    most = std::max(most, prompts * nn::prompt_tokens(prompt, rank, contexts) + tokens_of(slice));
  }
  return most;
}

std::vector<std::vector<const Group*>> split(const std::vector<const Group*>& groups, int64_t token_budget,
                                             bool share_prefix, int64_t contexts) {
  std::vector<std::vector<const Group*>> parts;
  int64_t used = 0;
  for (const Group* group : groups) {
    int64_t tokens = packed_tokens(*group, share_prefix, contexts);
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
