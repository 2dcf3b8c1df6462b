#include "core/score/isolated_job.h"

#include <utility>

#include "core/base/error.h"
#include "core/report/log.h"
#include "core/score/reward_call.h"

namespace golong {

IsolatedJob::IsolatedJob(ScoreContext context, GroupWork work, std::shared_ptr<IsolatedReward> reward)
    : context_(std::move(context)), work_(std::move(work)), reward_(std::move(reward)) {
  work_.batch->enter(work_.items.size() + 1);  // the responses, and the release
}

IsolatedJob::~IsolatedJob() { work_.batch->leave(1); }

void IsolatedJob::start(std::shared_ptr<IsolatedJob> job, ThreadPool& pool) {
  pool.submit([self = std::move(job)] { self->run(); });
}

void IsolatedJob::run() {
  for (size_t i = 0; i < work_.items.size(); ++i) {
    if (work_.batch->stopped()) break;
    if (!worker_) {
      if (const std::optional<ScoreResult> failure = prepare()) {
        work_.finish_from(i, *failure);
        break;
      }
    }
    work_.finish(i, score(i));
  }
  release();
}

// Has a worker read the gold. Else the outcome of all responses that are left.
std::optional<ScoreResult> IsolatedJob::prepare() {
  try {
    worker_ = reward_->lease();
  } catch (const Error& error) {
    return ScoreResult{Outcome::error, 0, error.what()};
  }
  const Clock::time_point latest = Clock::now() + context_.prepare_deadline() + context_.grace;
  WorkerAnswer answer = worker_->ask(FrameKind::prepare, encode(*work_.gold), latest);
  if (answer.kind == WorkerAnswer::Kind::reply && answer.result.outcome == Outcome::scored) return std::nullopt;
  reward_->give_back(std::move(worker_));
  switch (answer.kind) {
    case WorkerAnswer::Kind::late:
      return ScoreResult{Outcome::timeout, 0, "prepare hangs: " + prepare_deadline_text(context_)};
    case WorkerAnswer::Kind::died:
      return ScoreResult{Outcome::error, 0, "prepare failed: " + answer.death};
    default:
      return std::move(answer.result);
  }
}

ScoreResult IsolatedJob::score(size_t item) {
  const Clock::time_point deadline = Clock::now() + context_.deadline;
  const std::string request = encode(ScoreMessage{work_.items[item].text, deadline, context_.deadline});
  WorkerAnswer answer = worker_->ask(FrameKind::score, request, deadline + context_.grace);
  if (answer.kind == WorkerAnswer::Kind::reply) return std::move(answer.result);
  worker_ = nullptr;  // the next response gets another one
  if (answer.kind == WorkerAnswer::Kind::died) return {Outcome::error, 0, answer.death};
  return {Outcome::timeout, 0,
          "no score within " + deadline_text(context_.deadline) +
              ", and the reward ignores its deadline: its worker process was killed"};
}

// What goes wrong here concerns no response: they have their results.
void IsolatedJob::release() {
  if (!worker_) return;
  if (work_.batch->stopped()) {
    worker_ = nullptr;  // nobody waits for it: it goes as it is
    return;
  }
  const Clock::time_point latest = Clock::now() + context_.prepare_deadline() + context_.grace;
  const WorkerAnswer answer = worker_->ask(FrameKind::release, "", latest);
  if (answer.kind == WorkerAnswer::Kind::late) {
    log::error(work_.name(), ": release hangs: ", prepare_deadline_text(context_));
  } else if (answer.kind == WorkerAnswer::Kind::died) {
    log::error(work_.name(), ": release failed: ", answer.death);
  }
  reward_->give_back(std::move(worker_));
}

}  // namespace golong
