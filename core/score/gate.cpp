#include "core/score/gate.h"

#include <cstring>

namespace golong {
namespace {

constexpr std::string_view kOpen = "<think>", kClose = "</think>";

size_t count(std::string_view text, std::string_view part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

}  // namespace

std::string gate(std::string_view text) {
  size_t closes = count(text, kClose), opens = count(text, kOpen);
  if (closes == 0) return "gate: no </think>";
  if (closes > 1) return "gate: " + std::to_string(closes) + " </think>";
  if (opens > 1) return "gate: " + std::to_string(opens) + " <think>";
  return "";
}

std::string_view answer_part(std::string_view text) {
  std::string_view head = text;
  while (!head.empty()) {
    const void* found = memrchr(head.data(), kClose.back(), head.size());  // fast, where rfind is not
    if (!found) break;
    head = head.substr(0, static_cast<size_t>(static_cast<const char*>(found) - head.data()) + 1);
    if (head.ends_with(kClose)) return text.substr(head.size());
    head.remove_suffix(1);
  }
  return text;
}

}  // namespace golong
