#include "plugins/rewards/accuracy/choice.h"

#include <algorithm>
#include <string>

namespace golong::plugins {
namespace {

bool is_choice(char c) { return c >= 'A' && c <= 'D'; }

}  // namespace

std::optional<char> extract_choice(std::string_view text) {
  constexpr std::string_view lead = "The correct answer is ";
  std::string plain(text);
  plain.erase(std::remove(plain.begin(), plain.end(), '*'), plain.end());
  std::optional<char> bare;
  for (size_t at = 0; (at = plain.find(lead, at)) != plain.npos; ++at) {
    std::string_view rest = std::string_view(plain).substr(at + lead.size());
    if (rest.size() >= 3 && rest[0] == '(' && is_choice(rest[1]) && rest[2] == ')') return rest[1];
    if (!bare && !rest.empty() && is_choice(rest[0])) bare = rest[0];
  }
  return bare;
}

double choice_accuracy(std::string_view label, std::string_view answer) {
  std::optional<char> chosen = extract_choice(answer);
  if (!chosen) return 0;
  return label == std::string_view(&*chosen, 1) || extract_choice(label) == chosen ? 1 : 0;
}

}  // namespace golong::plugins
