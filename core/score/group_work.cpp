#include "core/score/group_work.h"

#include <sstream>
#include <utility>

#include "core/text/utf8.h"

namespace golong {

std::string prepare_deadline_text(const ScoreContext& context) {
  std::ostringstream text;
  text << "it did not return in " << std::chrono::duration<double>(context.prepare_deadline()).count() << " s";
  return text.str();
}

std::string GroupWork::name() const {
  return "reward " + reward->id + " (" + reward->library.string() + "), row " + uid;
}

std::string GroupWork::name(size_t item) const { return name() + ", response " + std::to_string(items[item].response); }

void GroupWork::finish(size_t item, ScoreResult result) const {
  if (result.outcome != Outcome::scored) result.detail = name(item) + ": " + result.detail;
  if (result.outcome == Outcome::unscorable && !gold->stray.empty()) result.detail += "; " + gold->stray;
  result.detail = to_valid_utf8(result.detail);
  batch->finish(group, items[item].response, std::move(result));
}

void GroupWork::finish_from(size_t item, const ScoreResult& result) const {
  for (; item < items.size(); ++item) finish(item, result);
}

}  // namespace golong
