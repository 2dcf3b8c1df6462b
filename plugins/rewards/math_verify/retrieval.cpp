#include "plugins/rewards/math_verify/retrieval.h"

namespace golong::plugins::math {

std::optional<std::string_view> tagged(std::string_view text, std::string_view name) {
  const std::string open = "<" + std::string(name) + ">", close = "</" + std::string(name) + ">";
  size_t at = text.find(open);
  if (at == text.npos) return std::nullopt;
  text = text.substr(at + open.size());
  at = text.find(close);
  if (at == text.npos) return std::nullopt;
  return text.substr(0, at);
}

std::set<std::string, std::less<>> document_ids(std::string_view text) {
  constexpr std::string_view lead = "<|doc_", tail = "|>";
  std::set<std::string, std::less<>> ids;
  for (size_t at = 0; (at = text.find(lead, at)) != text.npos;) {
    size_t end = at + lead.size();
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    if (end > at + lead.size() && text.substr(end, tail.size()) == tail) {
      end += tail.size();
      ids.emplace(text.substr(at, end - at));
    }
    at = end;
  }
  return ids;
}

}  // namespace golong::plugins::math
