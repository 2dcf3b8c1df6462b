// Gold answers on their way across the plugin interface, in both directions.
#pragma once
#include <vector>

#include "core/data/group.h"
#include "core/plugin/call.h"

namespace golong {

// A Gold as `golong_gold`. Points into the Gold, which must outlive it and stay as it is.
class GoldView {
 public:
  explicit GoldView(const Gold& gold) {
    static const golong_string nothing{"", 0};
    for (const std::string& item : gold.items) items_.push_back(plugin::view(item));
    raw_.struct_size = sizeof raw_;
    if (gold.has_items) raw_.items = {items_.empty() ? &nothing : items_.data(), items_.size()};
    if (gold.has_label) raw_.label = plugin::view(gold.label);
    if (gold.has_language) raw_.language = plugin::view(gold.language);
    raw_.variant = plugin::view(gold.variant);
    raw_.json = plugin::view(gold.json);
  }
  GoldView(const GoldView&) = delete;
  GoldView& operator=(const GoldView&) = delete;

  const golong_gold& get() const { return raw_; }

 private:
  std::vector<golong_string> items_;
  golong_gold raw_{};
};

// The Gold that a plugin wrote. The text is as the plugin gave it: check that it is UTF-8.
inline Gold copy_gold(const golong_gold& raw) {
  Gold gold;
  gold.has_items = raw.items.items != nullptr;
  for (uint64_t i = 0; gold.has_items && i < raw.items.size; ++i) {
    gold.items.push_back(plugin::copy(raw.items.items[i]));
  }
  gold.has_label = raw.label.data != nullptr;
  gold.label = plugin::copy(raw.label);
  gold.has_language = raw.language.data != nullptr;
  gold.language = plugin::copy(raw.language);
  gold.variant = plugin::copy(raw.variant);
  gold.json = plugin::copy(raw.json);
  return gold;
}

}  // namespace golong
