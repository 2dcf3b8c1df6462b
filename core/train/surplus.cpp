#include "core/train/surplus.h"

#include <algorithm>
#include <iterator>

#include "core/train/batch.h"

namespace golong {

std::vector<Group> take_first(std::vector<Group>& waiting, size_t count) {
  const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(std::min(count, waiting.size()));
  std::vector<Group> taken(std::make_move_iterator(waiting.begin()), std::make_move_iterator(end));
  waiting.erase(waiting.begin(), end);
  return taken;
}

Metrics surplus_metrics(const std::vector<Group>& trained, const std::vector<Group>& waiting, int64_t weights_step) {
  double stale = 0;
  for (const Group& group : trained) {
    for (const Response& response : group.responses) stale += static_cast<double>(weights_step - response.weights_step);
  }
  return {{"train/staleness", stale / std::max(responses_of(trained), 1.0)},
          {"train/surplus", static_cast<double>(waiting.size())}};
}

}  // namespace golong
