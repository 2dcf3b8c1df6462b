#include "core/score/group_job.h"

#include <cstddef>
#include <utility>

#include "core/base/error.h"
#include "core/score/reward_call.h"

namespace golong {

GroupJob::GroupJob(ScoreContext context, GroupWork work, std::shared_ptr<RewardInstances> rewards)
    : context_(std::move(context)), work_(std::move(work)), rewards_(std::move(rewards)), gold_view_(*work_.gold) {
  work_.batch->enter(work_.items.size() + 1);  // the responses, and the release
}

GroupJob::~GroupJob() {
  if (!is_prepared_ || has_left_) {
    release();
    leave_batch();
    return;
  }
  auto ticket = context_.watchdog->begin(work_.name(), Clock::now() + context_.prepare_deadline() + context_.grace,
                                         [batch = work_.batch] { batch->leave(1); });
  release();
  if (context_.watchdog->end(ticket)) leave_batch();
}

void GroupJob::release() {
  if (is_prepared_) call_release(*instance_, prepared_, work_.name());
}

// Once, however the job ends: from now on the batch does not wait for it.
void GroupJob::leave_batch() {
  if (!has_left_.exchange(true)) work_.batch->leave(1);
}

void GroupJob::start(std::shared_ptr<GroupJob> job, ThreadPool& pool) {
  pool.submit([self = std::move(job), &pool] { self->run(pool); });
}

void GroupJob::run(ThreadPool& pool) {
  if (work_.batch->stopped() || !prepare()) return;
  if (!rewards_->thread_safe()) {
    for (size_t i = 0; i < work_.items.size() && score(i, pool); ++i) {
    }
    return;
  }
  for (size_t i = work_.items.size(); i-- > 1;) {
    pool.submit_next([self = shared_from_this(), i, &pool] { self->score(i, pool); });
  }
  score(0, pool);
}

bool GroupJob::prepare() {
  try {
    instance_ = rewards_->lease();
  } catch (const Error& error) {
    work_.finish_from(0, {Outcome::error, 0, error.what()});
    return false;
  }
  Clock::time_point latest = Clock::now() + context_.prepare_deadline() + context_.grace;
  auto ticket = context_.watchdog->begin(work_.name(), latest, [self = shared_from_this()] {
    self->work_.finish_from(0, {Outcome::timeout, 0, "prepare hangs: " + prepare_deadline_text(self->context_)});
    self->leave_batch();
  });
  if (work_.batch->stopped()) {
    context_.watchdog->end(ticket);
    return false;
  }
  const std::optional<ScoreResult> failure = call_prepare(*instance_, gold_view_.get(), prepared_);
  is_prepared_ = !failure;
  if (!context_.watchdog->end(ticket)) return false;
  if (failure) work_.finish_from(0, *failure);
  return is_prepared_;
}

// False where the call was given up: the worker that made it belongs to nobody any more.
bool GroupJob::score(size_t item, ThreadPool& pool) {
  if (work_.batch->stopped()) return false;
  Clock::time_point deadline = Clock::now() + context_.deadline;
  auto ticket = context_.watchdog->begin(work_.name(item), deadline + context_.grace,
                                         [self = shared_from_this(), item, &pool] { self->lose(item, pool); });
  // Seen here at the latest: a call that begins after the batch has given up all of its calls is not made.
  if (work_.batch->stopped()) {
    context_.watchdog->end(ticket);
    return false;
  }
  ScoreResult result =
      call_score(*instance_, prepared_, {work_.items[item].text, deadline, context_.deadline, *ticket.given_up});
  if (!context_.watchdog->end(ticket)) return false;
  work_.finish(item, std::move(result));
  return true;
}

// Called by the watchdog: the response is a timeout, this job is left to the thread that hangs.
void GroupJob::lose(size_t item, ThreadPool& pool) {
  if (!rewards_->thread_safe() && item + 1 < work_.items.size()) {
    // The rest of the group would have come after it, on the same instance: it gets another one.
    GroupWork rest{work_.batch, work_.reward, work_.gold, work_.uid, work_.group, {}};
    rest.items.assign(work_.items.begin() + static_cast<std::ptrdiff_t>(item) + 1, work_.items.end());
    size_t count = rest.items.size();
    start(std::make_shared<GroupJob>(context_, std::move(rest), rewards_), pool);
    work_.batch->leave(count);
  }
  work_.finish(item, {Outcome::timeout, 0,
                      "no score within " + deadline_text(context_.deadline) +
                          ", and the reward ignores its deadline: its thread was given up"});
  leave_batch();
}

}  // namespace golong
