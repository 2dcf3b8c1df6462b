#include "core/parallel/operations.h"

#include <utility>

namespace golong::parallel {

size_t Operations::add_group(Group group) {
  const std::lock_guard lock(mutex_);
  groups_.push_back(std::move(group));
  progress_.emplace_back();
  return groups_.size() - 1;
}

int64_t Operations::begin(size_t group, const char* what) {
  const std::lock_guard lock(mutex_);
  progress_[group].newest = what;
  newest_group_ = group;
  return ++progress_[group].begun;
}

Operations::Group Operations::group(size_t number) const {
  const std::lock_guard lock(mutex_);
  return groups_[number];
}

std::vector<GroupProgress> Operations::progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

size_t Operations::newest_group() const {
  const std::lock_guard lock(mutex_);
  return newest_group_;
}

void Operations::explain_with(WhyFailed why) {
  const std::lock_guard lock(mutex_);
  why_ = std::move(why);
}

std::string Operations::why_failed(size_t group, int64_t number) const {
  WhyFailed why;
  {
    const std::lock_guard lock(mutex_);
    why = why_;
  }
  return why ? why(group, number) : "";
}

}  // namespace golong::parallel
