#include "core/rollout/device_attention.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/nn/segment.h"

namespace golong {
namespace {

// Tokens of a list that one block of the decoding kernel sees: so many that all lists together make some blocks for
// each multiprocessor, and the results of the parts are small beside their keys.
int64_t part_tokens(const std::vector<const PagedGroup*>& groups, int64_t kv_heads) {
  constexpr int64_t kBlocks = 1024, kLeast = 256;
  int64_t tokens = 0;
  for (const PagedGroup* group : groups) {
    if (group->prompt) tokens += group->prompt->tokens;
    for (const PagedSpan& span : group->spans) tokens += span.start + 1;
  }
  return std::max(kLeast, pages_of(tokens * kv_heads / kBlocks) * kPageTokens);
}

template <class T>
at::Tensor to_device(const std::vector<T>& values, at::Device device) {
  return at::tensor(values, c10::CppTypeToScalarType<T>::value).to(device);
}

// All numbers of an item, in their order.
void append(std::vector<int32_t>& to, const nn::DecodeItem& item) {
  to.insert(to.end(), {item.first_row, item.rows, item.pages, item.begin, item.end, item.place});
}

int32_t small(int64_t number) { return static_cast<int32_t>(number); }

// The decoding of a forward, as lists.
struct DecodeLists {
  int64_t part;                                    // tokens
  std::vector<int32_t> pages, few, many, results;  // results: of each row

  // Rows that see the first `tokens` tokens of a list.
  void add(const nn::DeviceKernels& kernels, const PageList& list, int64_t tokens, int64_t first_row, int64_t rows,
           int64_t share, at::ScalarType type, int64_t head_dim) {
    const auto start = static_cast<int64_t>(pages.size());
    pages.insert(pages.end(), list.pages.begin(), list.pages.begin() + pages_of(tokens));
    const int64_t block = std::max<int64_t>(1, kernels.most_queries / share);
    for (int64_t row = first_row; row < first_row + rows; row += block) {
      const int64_t count = std::min(block, first_row + rows - row);
      const bool is_few = count * share <= kernels.few_queries;
      const int64_t results_each = kernels.decode_results(type, head_dim, is_few);
      int32_t place = results[static_cast<size_t>(row)];
      for (int64_t begin = 0; begin < tokens; begin += part, place += small(results_each)) {
        append(is_few ? few : many,
               {small(row), small(count), small(start), small(begin), small(std::min(begin + part, tokens)), place});
      }
      for (int64_t r = row; r < row + count; ++r) results[static_cast<size_t>(r)] = place;
    }
  }
};

}  // namespace

DeviceAttention::DeviceAttention(KvPages& pages, const std::vector<PagedGroup>& groups, int64_t heads)
    : pages_(pages), kernels_(nn::device_kernels(pages.keys_of(0))), heads_(heads) {
  std::vector<int64_t> slots;
  std::vector<const PagedGroup*> decoded;
  // More queries than a block has, or longer ones.
  if (kernels_ && (heads > kernels_->most_queries * pages.kv_heads() || pages.layout().head_dim > 256)) {
    kernels_ = nullptr;
  }
  for (const PagedGroup& group : groups) {
    for (const PagedSpan& span : group.spans) {
      for (int64_t token = span.start; token < span.start + span.count; ++token) {
        slots.push_back(span.own->pages[static_cast<size_t>(token / kPageTokens)] * kPageTokens + token % kPageTokens);
      }
    }
    const bool single = std::ranges::all_of(group.spans, [](const PagedSpan& span) { return span.count == 1; });
    if (kernels_ && single) {
      decoded.push_back(&group);
    } else {
      plan_segments(group);
    }
  }
  slots_ = to_device(slots, pages.device());
  if (!decoded.empty()) plan_decode(decoded, static_cast<int64_t>(slots.size()));
}

at::Tensor DeviceAttention::pages_tensor(const PageList& list, int64_t tokens) const {
  return to_device(std::vector<int64_t>(list.pages.begin(), list.pages.begin() + pages_of(tokens)), pages_.device());
}

void DeviceAttention::plan_segments(const PagedGroup& group) {
  Segments work{group.first_row, group.rows(), group.prompt ? group.prompt->tokens : 0, {}, {}};
  if (group.prompt) work.prompt = pages_tensor(*group.prompt, work.prompt_tokens);
  int64_t row = group.first_row;
  for (const PagedSpan& span : group.spans) {
    work.spans.push_back(
        {row, span.count, span.start, span.start > 0 ? pages_tensor(*span.own, span.start) : at::Tensor()});
    row += span.count;
  }
  segments_.push_back(std::move(work));
}

void DeviceAttention::plan_decode(const std::vector<const PagedGroup*>& groups, int64_t rows) {
  DecodeLists lists{part_tokens(groups, pages_.kv_heads()), {}, {}, {}, {}};
  lists.results.assign(static_cast<size_t>(rows), 0);
  const int64_t share = heads_ / pages_.kv_heads();
  const auto add = [&](const PageList& list, int64_t tokens, int64_t first_row, int64_t count) {
    lists.add(*kernels_, list, tokens, first_row, count, share, pages_.dtype(), pages_.layout().head_dim);
  };
  for (const PagedGroup* group : groups) {
    if (group->prompt) add(*group->prompt, group->prompt->tokens, group->first_row, group->rows());
    int64_t row = group->first_row;
    for (const PagedSpan& span : group->spans) add(*span.own, span.start + 1, row++, 1);
  }
  std::vector<int32_t> first{0};
  for (int32_t count : lists.results) first.push_back(first.back() + count);
  const at::TensorOptions floats = at::TensorOptions().dtype(at::kFloat).device(pages_.device());
  decode_.results = at::empty({first.back(), heads_, pages_.layout().head_dim}, floats);
  decode_.sums = at::empty({first.back(), heads_}, floats);
  decode_.all_rows = segments_.empty();
  // One copy to the device for all lists.
  std::vector<int32_t> all;
  const std::vector<int32_t>* const parts[] = {&lists.few, &lists.many, &first, &lists.pages};
  for (const std::vector<int32_t>* part : parts) all.insert(all.end(), part->begin(), part->end());
  const at::Tensor there = to_device(all, pages_.device());
  int64_t start = 0;
  const auto next = [&](const std::vector<int32_t>& part) {
    const auto count = static_cast<int64_t>(part.size());
    start += count;
    return there.narrow(0, start - count, count);
  };
  constexpr int64_t kNumbers = sizeof(nn::DecodeItem) / sizeof(int32_t);
  decode_.few = next(lists.few).view({-1, kNumbers});
  decode_.many = next(lists.many).view({-1, kNumbers});
  decode_.first_result = next(first);
  decode_.page_table = next(lists.pages);
}

at::Tensor DeviceAttention::attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t layer,
                                   double scale) const {
  at::Tensor keys = pages_.keys_of(layer), values = pages_.values_of(layer);
  if (kernels_) {
    kernels_->write_pages(k, v, slots_, keys, values);
  } else {
    keys.flatten(0, 1).index_copy_(0, slots_, k);
    values.flatten(0, 1).index_copy_(0, slots_, v);
  }
  at::Tensor out;
  if (decode_.results.defined()) {
    nn::PagedDecode work = decode_;
    work.q = q.contiguous();
    work.keys = keys;
    work.values = values;
    work.scale = scale;
    out = kernels_->paged_decode(work);
  } else {
    out = at::empty_like(q, at::MemoryFormat::Contiguous);
  }
  for (const Segments& part : segments_) attend_segments(part, q, k, v, layer, scale, out);
  return out;
}

void DeviceAttention::attend_segments(const Segments& work, const at::Tensor& q, const at::Tensor& k,
                                      const at::Tensor& v, int64_t layer, double scale, const at::Tensor& out) const {
  const at::Tensor keys = pages_.keys_of(layer), values = pages_.values_of(layer);
  // Rows on the first tokens of some pages, all of which they see.
  const auto see = [&](int64_t first_row, int64_t count, const at::Tensor& list, int64_t tokens) {
    const auto dense = [&](const at::Tensor& from) {
      return nn::span(from.index_select(0, list).flatten(0, 1), 0, tokens);
    };
    return nn::segment_forward(nn::span(q, first_row, count), dense(keys), dense(values), false, scale);
  };
  nn::Partial prompt;
  if (work.prompt_tokens > 0) prompt = see(work.first_row, work.rows, work.prompt, work.prompt_tokens);
  for (const Segments::Span& span : work.spans) {
    const nn::Partial own =
        nn::segment_forward(nn::span(q, span.first_row, span.count), nn::span(k, span.first_row, span.count),
                            nn::span(v, span.first_row, span.count), true, scale);
    at::Tensor rows = nn::rows(own.out), lse = own.lse.squeeze(0).t();
    if (span.start > 0) {
      const nn::Partial before = see(span.first_row, span.count, span.own, span.start);
      nn::merge_rows(rows, lse, nn::rows(before.out), before.lse.squeeze(0).t());
    }
    if (work.prompt_tokens > 0) {
      const int64_t offset = span.first_row - work.first_row;
      nn::merge_rows(rows, lse, nn::rows(prompt.out).narrow(0, offset, span.count),
                     prompt.lse.squeeze(0).t().narrow(0, offset, span.count));
    }
    out.narrow(0, span.first_row, span.count).copy_(rows);
  }
}

}  // namespace golong
