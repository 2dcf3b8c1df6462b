#include "core/rollout/forward.h"

#include <ATen/ATen.h>

#include <memory>

#include "core/rollout/device_attention.h"

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

class PagedAttentionOnDevice : public Attention {
 public:
  PagedAttentionOnDevice(KvPages& pages, const std::vector<PagedGroup>& groups, int64_t heads)
      : prepared_(pages, groups, heads) {}

  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    double scale) override {
    return prepared_.attend(q, k, v, layer, scale);
  }

 private:
  DeviceAttention prepared_;
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
  const at::Tensor inputs = at::stack({at::tensor(ids_, at::kLong), at::tensor(positions_, at::kLong)})
                                .to(model.device());  // in one copy
  const auto attention = [&]() -> std::unique_ptr<Attention> {
    if (model.device().is_cpu()) return std::make_unique<PagedAttention>(pages, groups_);
    return std::make_unique<PagedAttentionOnDevice>(pages, groups_, model.shape().heads);
  }();
  return model.hidden(inputs[0], inputs[1], *attention);
}

}  // namespace golong
