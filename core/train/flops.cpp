#include "core/train/flops.h"

#include "core/model/flops.h"

namespace golong {

double forward_flops(const Model& model, const std::vector<const Group*>& groups, bool share_prefix) {
  PassSize size;
  for (const Group* group : groups) {
    const auto prompt = static_cast<double>(group->prompt.token_ids.size());
    if (share_prefix) size.add_prompt(prompt);
    for (const Response& response : group->responses) {
      if (!share_prefix) size.add_prompt(prompt);
      size.add_response(static_cast<double>(response.token_ids.size()), prompt);
    }
  }
  return forward_flops(model.shape(), size);
}

}  // namespace golong
