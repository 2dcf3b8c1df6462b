// Gold as the plugin interface passes it.
#pragma once
#include <vector>

#include "core/data/group.h"
#include "golong/plugin.h"

namespace golong {

// Points into `gold`, which must outlive it.
class GoldView {
 public:
  explicit GoldView(const Gold& gold) {
    static constexpr golong_string nothing{"", 0};
    for (const std::string& item : gold.items) items_.push_back(view(item));
    c_.struct_size = sizeof c_;
    if (gold.has_items) c_.items = {items_.empty() ? &nothing : items_.data(), items_.size()};
    if (gold.has_label) c_.label = view(gold.label);
    if (gold.has_language) c_.language = view(gold.language);
    c_.variant = view(gold.variant);
    c_.json = view(gold.json);
  }
  GoldView(const GoldView&) = delete;
  GoldView& operator=(const GoldView&) = delete;
  const golong_gold* get() const { return &c_; }

 private:
  static golong_string view(const std::string& text) { return {text.data(), text.size()}; }
  std::vector<golong_string> items_;
  golong_gold c_{};
};

}  // namespace golong
