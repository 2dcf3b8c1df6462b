#include "core/rollout/forward.h"

#include <ATen/ATen.h>

namespace golong {
namespace {

class PagedAttention : public Attention {
 public:
  PagedAttention(KvPages& pages, const std::vector<PagedGroup>& groups) : pages_(pages), groups_(groups) {}

  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    double scale) override {
    return paged_attention(q, k, v, pages_, groups_, layer, scale);
  }

 private:
  KvPages& pages_;
  const std::vector<PagedGroup>& groups_;
};

}  // namespace

void ForwardBatch::add_prompt(const PageList& prompt, int64_t start, std::span<const int32_t> tokens) {
  groups_.push_back({nullptr, {{&prompt, start, static_cast<int64_t>(tokens.size())}}, rows()});
  add_tokens(tokens, start);
}

void ForwardBatch::add_response(const PageList& prompt, const PageList& own, int64_t start,
                                std::span<const int32_t> tokens) {
  if (groups_.empty() || groups_.back().prompt != &prompt) groups_.push_back({&prompt, {}, rows()});
  groups_.back().spans.push_back({&own, start, static_cast<int64_t>(tokens.size())});
  add_tokens(tokens, prompt.tokens + start);
}

void ForwardBatch::add_tokens(std::span<const int32_t> tokens, int64_t position) {
  ids_.insert(ids_.end(), tokens.begin(), tokens.end());
  for (size_t i = 0; i < tokens.size(); ++i) positions_.push_back(position++);
}

at::Tensor ForwardBatch::run(const Model& model, KvPages& pages) const {
  PagedAttention attention(pages, groups_);
  return model.hidden(at::tensor(ids_, at::kLong), at::tensor(positions_, at::kLong), attention);
}

}  // namespace golong
