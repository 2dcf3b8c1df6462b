#include "core/rollout/stop_strings.h"

#include <algorithm>

namespace golong {

size_t StopStrings::find(std::string_view text) const {
  size_t first = std::string_view::npos;
  for (const std::string& string : strings) first = std::min(first, text.find(string));
  return first;
}

bool StopSearch::push(int32_t token) {
  end_ += text_.push(token);
  if (stop_->find(end_) != std::string_view::npos) return true;
  size_t longest = 0;
  for (const std::string& string : stop_->strings) longest = std::max(longest, string.size());
  if (end_.size() >= longest) end_.erase(0, end_.size() - (longest - 1));
  return false;
}

}  // namespace golong
