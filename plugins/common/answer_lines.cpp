#include "plugins/common/answer_lines.h"

#include <cstring>
#include <utility>

#include "plugins/common/unicode.h"

namespace golong::plugins {

std::string_view answer_area(std::string_view text) {
  constexpr std::string_view english = "[Answer]", chinese = "[答案]";
  std::string_view area = text;
  bool marked = false;
  // From the end: each "]" may close a marker. A marker in English stands above any in Chinese.
  for (std::string_view head = text; !head.empty();) {
    const void* found = memrchr(head.data(), ']', head.size());
    if (found == nullptr) break;
    const auto end = static_cast<size_t>(static_cast<const char*>(found) - head.data()) + 1;
    head = head.substr(0, end);
    if (head.ends_with(english)) return strip(text.substr(end));
    if (!marked && head.ends_with(chinese)) {
      area = text.substr(end);
      marked = true;
    }
    head.remove_suffix(1);
  }
  return strip(area);
}

std::string normalize_item(std::string_view item) {
  std::string out = lower(item);
  out.resize(collapse(out.data(), out.size()));
  return out;
}

Items read_lines(std::string_view text, bool keep_blank) {
  auto lowered = std::make_unique<std::string>(lower(text));
  ItemList list;
  list.reserve(16);
  char* const end = lowered->data() + lowered->size();
  for (char* line = lowered->data(); line <= end;) {
    char* const found = static_cast<char*>(std::memchr(line, '\n', static_cast<size_t>(end - line)));
    char* const line_end = found ? found : end;
    const std::string_view item(line, collapse(line, static_cast<size_t>(line_end - line)));
    if (keep_blank || !item.empty()) list.push_back(item);
    line = line_end + 1;
  }
  return {std::move(lowered), std::move(list)};
}

Items predicted_items(std::string_view text, std::string_view answer, Mode mode) {
  return read_lines(answer_area(mode == Mode::strict ? answer : text), mode == Mode::released);
}

std::optional<std::string> first_predicted_item(std::string_view text, std::string_view answer, Mode mode) {
  std::string_view rest = answer_area(mode == Mode::strict ? answer : text);
  while (true) {
    const size_t end = rest.find('\n');
    std::string item = normalize_item(rest.substr(0, end));
    if (mode == Mode::released || !item.empty()) return item;
    if (end == rest.npos) return std::nullopt;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace golong::plugins
