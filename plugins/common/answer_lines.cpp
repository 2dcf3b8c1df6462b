#include "plugins/common/answer_lines.h"

#include "plugins/common/unicode.h"

namespace golong::plugins {

std::string_view answer_area(std::string_view text) {
  for (std::string_view marker : {std::string_view("[Answer]"), std::string_view("[答案]")}) {
    if (size_t at = text.rfind(marker); at != text.npos) {
      text = text.substr(at + marker.size());
      break;
    }
  }
  return strip(text);
}

std::string normalize_item(std::string_view item) { return collapse(lower(item)); }

std::vector<std::string> normalize_items(const std::vector<std::string_view>& items) {
  std::vector<std::string> out;
  out.reserve(items.size());
  for (std::string_view item : items) out.push_back(normalize_item(item));
  return out;
}

std::vector<std::string> predicted_items(std::string_view text, std::string_view answer, Mode mode) {
  std::string area = lower(answer_area(mode == Mode::strict ? answer : text));
  std::vector<std::string> items;
  for (std::string_view line : split(area, '\n')) {
    std::string item = collapse(line);
    if (mode == Mode::released || !item.empty()) items.push_back(std::move(item));
  }
  return items;
}

}  // namespace golong::plugins
