#include "core/score/group_job.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <exception>
#include <limits>
#include <sstream>
#include <utility>

#include "core/report/log.h"
#include "core/score/gate.h"
#include "core/text/utf8.h"

namespace golong {
namespace {

constexpr size_t longest_detail = 4096;  // bytes

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

int64_t as_ns(Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

// Calls a function of a plugin; an exception that crosses the interface becomes a failure with a message.
template <class Function>
golong_status guarded(plugin::ErrorBuffer& error, const Function& function) {
  try {
    return function(error.get());
  } catch (const std::exception& exception) {
    error.set(std::string("an exception crossed the interface: ") + exception.what());
  } catch (...) {
    error.set("an exception crossed the interface");
  }
  return GOLONG_FAILED;
}

std::string status_name(golong_status status) {
  return status == GOLONG_CANCELLED ? "cancelled" : "status " + std::to_string(status);
}

}  // namespace

// What a plugin sees of a call. `c` stands first: the callback finds the rest from its address.
struct GroupJob::CallState {
  golong_call c;
  const std::atomic<bool>& given_up;
  std::string detail;

  CallState(const std::atomic<bool>& given_up, int64_t deadline_ns)
      : c{sizeof(golong_call), 0, deadline_ns, cancelled, {this, write}}, given_up(given_up) {}
  CallState(const CallState&) = delete;
  CallState& operator=(const CallState&) = delete;

  static int32_t cancelled(const golong_call* call) {
    const auto* state = reinterpret_cast<const CallState*>(call);
    return state->given_up || as_ns(Clock::now()) > call->deadline_ns ? 1 : 0;
  }
  static void write(void* context, golong_string text) {
    std::string& detail = static_cast<CallState*>(context)->detail;
    if (text.data && detail.size() < longest_detail) {
      detail.append(text.data, std::min<size_t>(text.size, longest_detail - detail.size()));
    }
  }
};

GroupJob::GroupJob(ScoreContext context, std::shared_ptr<Batch> batch, std::shared_ptr<RewardInstances> rewards,
                   std::shared_ptr<const Gold> gold, std::string uid, size_t group, std::vector<ScoreItem> items)
    : context_(std::move(context)),
      batch_(std::move(batch)),
      rewards_(std::move(rewards)),
      gold_(std::move(gold)),
      gold_view_(*gold_),
      uid_(std::move(uid)),
      group_(group),
      items_(std::move(items)) {
  batch_->enter(items_.size() + 1);  // the responses, and the release
}

GroupJob::~GroupJob() {
  if (!is_prepared_ || has_left_) {
    release();
    leave_batch();
    return;
  }
  auto ticket = context_.watchdog->begin(name(), Clock::now() + context_.prepare_deadline() + context_.grace,
                                         [batch = batch_] { batch->leave(1); });
  release();
  if (context_.watchdog->end(ticket)) leave_batch();
}

void GroupJob::release() {
  if (!is_prepared_) return;
  try {
    instance_->reward().release(instance_->get(), prepared_);
  } catch (...) {  // every response has its result; what the plugin could not free stays
    log::error(name(), ": release threw an exception across the interface");
  }
}

// Once, however the job ends: from now on the batch does not wait for it.
void GroupJob::leave_batch() {
  if (!has_left_.exchange(true)) batch_->leave(1);
}

std::string GroupJob::name() const {
  return "reward " + rewards_->plugin().id + " (" + rewards_->plugin().library.string() + "), row " + uid_;
}

std::string GroupJob::name(size_t item) const { return name() + ", response " + std::to_string(items_[item].response); }

void GroupJob::finish(size_t item, ScoreResult result) {
  if (result.outcome != Outcome::scored) result.detail = name(item) + ": " + result.detail;
  result.detail = to_valid_utf8(result.detail);
  batch_->finish(group_, items_[item].response, std::move(result));
}

void GroupJob::finish_all(Outcome outcome, const std::string& reason) {
  for (size_t i = 0; i < items_.size(); ++i) finish(i, {outcome, 0, reason});
}

void GroupJob::start(std::shared_ptr<GroupJob> job, ThreadPool& pool) {
  pool.submit([self = std::move(job), &pool] { self->run(pool); });
}

void GroupJob::run(ThreadPool& pool) {
  if (batch_->stopped() || !prepare()) return;
  if (!rewards_->thread_safe()) {
    for (size_t i = 0; i < items_.size() && score(i, pool); ++i) {
    }
    return;
  }
  for (size_t i = items_.size(); i-- > 1;) {
    pool.submit_next([self = shared_from_this(), i, &pool] { self->score(i, pool); });
  }
  score(0, pool);
}

bool GroupJob::prepare() {
  try {
    instance_ = rewards_->lease();
  } catch (const Error& error) {
    finish_all(Outcome::error, error.what());
    return false;
  }
  Clock::time_point latest = Clock::now() + context_.prepare_deadline() + context_.grace;
  auto ticket = context_.watchdog->begin(name(), latest, [self = shared_from_this()] {
    std::ostringstream reason;
    reason << "prepare hangs: it did not return in " << seconds(self->context_.prepare_deadline()) << " s";
    self->finish_all(Outcome::timeout, reason.str());
    self->leave_batch();
  });
  if (batch_->stopped()) {
    context_.watchdog->end(ticket);
    return false;
  }
  plugin::ErrorBuffer error;
  golong_status status = guarded(error, [&](golong_error* e) {
    return instance_->reward().prepare(instance_->get(), &gold_view_.get(), &prepared_, e);
  });
  is_prepared_ = status == GOLONG_OK;
  if (!context_.watchdog->end(ticket)) return false;
  if (is_prepared_) return true;
  bool unscorable = status == GOLONG_UNSCORABLE;
  finish_all(unscorable ? Outcome::unscorable : Outcome::error,
             unscorable ? error.text() : "prepare failed (" + status_name(status) + "): " + error.text());
  return false;
}

// False where the call was given up: the worker that made it belongs to nobody any more.
bool GroupJob::score(size_t item, ThreadPool& pool) {
  if (batch_->stopped()) return false;
  Clock::time_point deadline = Clock::now() + context_.deadline;
  auto ticket = context_.watchdog->begin(name(item), deadline + context_.grace,
                                         [self = shared_from_this(), item, &pool] { self->lose(item, pool); });
  // Seen here at the latest: a call that begins after the batch has given up all of its calls is not made.
  if (batch_->stopped()) {
    context_.watchdog->end(ticket);
    return false;
  }
  ScoreResult result = call_score(items_[item].text, *ticket.given_up, deadline);
  if (!context_.watchdog->end(ticket)) return false;
  finish(item, std::move(result));
  return true;
}

ScoreResult GroupJob::call_score(const std::string& text, const std::atomic<bool>& given_up,
                                 Clock::time_point deadline) const {
  CallState call(given_up, as_ns(deadline));
  golong_response response{sizeof(golong_response), 0, plugin::view(text), plugin::view(answer_part(text))};
  double score = std::numeric_limits<double>::quiet_NaN();  // found where the plugin writes nothing
  plugin::ErrorBuffer error;
  golong_status status = guarded(error, [&](golong_error* e) {
    return instance_->reward().score(instance_->get(), prepared_, &response, &call.c, &score, e);
  });
  std::ostringstream problem;
  Outcome outcome = Outcome::error;
  if (Clock::now() > deadline && status != GOLONG_UNSCORABLE) {
    outcome = Outcome::timeout;
    problem << "no score within " << seconds(context_.deadline) << " s (rewards.deadline_seconds)";
  } else if (status == GOLONG_UNSCORABLE) {
    outcome = Outcome::unscorable;
    problem << error.text();
  } else if (status != GOLONG_OK) {
    problem << "score failed (" << status_name(status) << "): " << error.text();
  } else if (!std::isfinite(score)) {
    problem << "the score is " << score << "; a finite number is expected";
  } else {
    return {Outcome::scored, score, std::move(call.detail)};
  }
  if (!call.detail.empty()) problem << " [" << call.detail << "]";
  return {outcome, 0, problem.str()};
}

// Called by the watchdog: the response is a timeout, this job is left to the thread that hangs.
void GroupJob::lose(size_t item, ThreadPool& pool) {
  std::ostringstream reason;
  reason << "no score within " << seconds(context_.deadline)
         << " s (rewards.deadline_seconds), and the reward ignores its deadline: its thread was given up";
  if (!rewards_->thread_safe() && item + 1 < items_.size()) {
    // The rest of the group would have come after it, on the same instance: it gets another one.
    std::vector<ScoreItem> rest(items_.begin() + static_cast<std::ptrdiff_t>(item) + 1, items_.end());
    size_t count = rest.size();
    start(std::make_shared<GroupJob>(context_, batch_, rewards_, gold_, uid_, group_, std::move(rest)), pool);
    batch_->leave(count);
  }
  finish(item, {Outcome::timeout, 0, reason.str()});
  leave_batch();
}

}  // namespace golong
