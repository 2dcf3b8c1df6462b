#include "core/score/reward_call.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <sstream>
#include <utility>

#include "core/plugin/call.h"
#include "core/report/log.h"
#include "core/score/gate.h"

namespace golong {
namespace {

constexpr size_t longest_detail = 4096;  // bytes

int64_t as_ns(Clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

// Calls a function of a plugin; an exception that crosses the interface becomes a failure with a message.
template <class Function>
golong_status guarded(const plugin::Instance& instance, const char* what, plugin::ErrorBuffer& error,
                      const Function& function) {
  const plugin::Inside inside(instance.plugin(), what);
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

// What a plugin sees of a call. `c` stands first: the callback finds the rest from its address.
struct CallState {
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

}  // namespace

std::string deadline_text(std::chrono::nanoseconds allowed) {
  std::ostringstream text;
  text << std::chrono::duration<double>(allowed).count() << " s (rewards.deadline_seconds)";
  return text.str();
}

std::optional<ScoreResult> call_prepare(const plugin::Instance& instance, const golong_gold& gold, void*& prepared) {
  plugin::ErrorBuffer error;
  golong_status status = guarded(instance, "prepare", error, [&](golong_error* e) {
    return instance.reward().prepare(instance.get(), &gold, &prepared, e);
  });
  if (status == GOLONG_OK) return std::nullopt;
  if (status == GOLONG_UNSCORABLE) return ScoreResult{Outcome::unscorable, 0, error.text()};
  return ScoreResult{Outcome::error, 0, "prepare failed (" + status_name(status) + "): " + error.text()};
}

ScoreResult call_score(const plugin::Instance& instance, const void* prepared, const ScoreCall& call) {
  CallState state(call.cancelled, as_ns(call.deadline));
  golong_response response{sizeof(golong_response), 0, plugin::view(call.text), plugin::view(answer_part(call.text))};
  double score = std::numeric_limits<double>::quiet_NaN();  // found where the plugin writes nothing
  plugin::ErrorBuffer error;
  golong_status status = guarded(instance, "score", error, [&](golong_error* e) {
    return instance.reward().score(instance.get(), prepared, &response, &state.c, &score, e);
  });
  std::ostringstream problem;
  Outcome outcome = Outcome::error;
  if (Clock::now() > call.deadline && status != GOLONG_UNSCORABLE) {
    outcome = Outcome::timeout;
    problem << "no score within " << deadline_text(call.allowed);
  } else if (status == GOLONG_UNSCORABLE) {
    outcome = Outcome::unscorable;
    problem << error.text();
  } else if (status != GOLONG_OK) {
    problem << "score failed (" << status_name(status) << "): " << error.text();
  } else if (!std::isfinite(score)) {
    problem << "the score is " << score << "; a finite number is expected";
  } else {
    return {Outcome::scored, score, std::move(state.detail)};
  }
  if (!state.detail.empty()) problem << " [" << state.detail << "]";
  return {outcome, 0, problem.str()};
}

void call_release(const plugin::Instance& instance, void* prepared, const std::string& name) {
  const plugin::Inside inside(instance.plugin(), "release");
  try {
    instance.reward().release(instance.get(), prepared);
  } catch (...) {  // every response has its result; what the plugin could not free stays
    log::error(name, ": release threw an exception across the interface");
  }
}

}  // namespace golong
