// Rewards that misbehave while they run. What the tests need to see of them is in the exported counters.
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <string>

#include "golong/plugin.hpp"

using namespace golong::sdk;

// Found by the tests with dlsym.
extern "C" {
GOLONG_EXPORT std::atomic<int> bad_instances = 0;
GOLONG_EXPORT std::atomic<int> bad_prepared = 0;  // alive
GOLONG_EXPORT std::atomic<int> bad_prepares = 0;
GOLONG_EXPORT std::atomic<int> bad_overlaps = 0;  // calls of one instance at the same time
GOLONG_EXPORT std::atomic<int> bad_hanging = 0;   // calls that hang now
GOLONG_EXPORT std::atomic<int> bad_let_go = 0;    // 1: calls that hang return
}

namespace {

struct Counted {
  Counted() { ++bad_prepared; }
  Counted(const Counted&) { ++bad_prepared; }
  ~Counted() { --bad_prepared; }
};

// Does what the answer says, so that one group can hold every kind of misfortune.
double obey(std::string_view answer, const Call& call) {
  if (answer == "throw") throw std::runtime_error("it slipped");
  if (answer == "throw int") throw 42;
  if (answer == "unscorable") throw Unscorable("not this one");
  if (answer == "cancelled") throw Cancelled();
  if (answer == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (answer == "infinity") return std::numeric_limits<double>::infinity();
  if (answer == "detail") call.detail("seen: \xff");  // no UTF-8
  if (answer == "long detail") call.detail(std::string(100000, 'x'));
  if (answer == "polite") {
    while (true) call.check();
  }
  if (answer == "late") {
    while (!call.cancelled()) {
    }
  }
  if (answer == "hang") {
    ++bad_hanging;
    while (!bad_let_go) ::usleep(1000);
    --bad_hanging;
  }
  return answer == "half" ? 0.5 : 1;
}

struct Obedient : Reward {
  struct Prepared {
    Counted counted;
  };
  Obedient() { ++bad_instances; }
  Prepared prepare(const Gold& gold) {
    ++bad_prepares;
    if (gold.label() == "unscorable") throw Unscorable("the label is not to my liking");
    if (gold.label() == "throw") throw std::runtime_error("it slipped in prepare");
    if (gold.label() == "hang") {
      while (!bad_let_go) ::usleep(1000);
    }
    return {};
  }
  double score(const Prepared&, const Response& response, const Call& call) { return obey(response.answer(), call); }
};

// Declared as not thread-safe, and checks that it is used so.
struct Alone : Obedient {
  double score(const Prepared& prepared, const Response& response, const Call& call) {
    if (busy_.exchange(true)) ++bad_overlaps;
    struct Leave {
      std::atomic<bool>& busy;
      ~Leave() { busy = false; }
    } leave{busy_};
    return Obedient::score(prepared, response, call);
  }

 private:
  std::atomic<bool> busy_ = false;
};

// Refuses its settings.
struct Refusing : Reward {
  explicit Refusing(const Params& params) {
    if (params.boolean("refuse")) throw std::runtime_error("no dictionary anywhere");
  }
  double score(const Gold&, const Response&, const Call&) { return 1; }
};

// Tells which mode it has: 0 released, 1 strict.
struct Moody : Reward {
  explicit Moody(const Params& params) : strict_(params.text("mode") == "strict") {}
  double score(const Gold&, const Response&, const Call&) const { return strict_; }
  bool strict_;
};

}  // namespace

GOLONG_LIBRARY("bad_rewards", reward<Obedient>("bad_obedient", "1.0.0", "does what the answer says", {}, thread_safe),
               reward<Alone>("bad_alone", "1.0.0", "does what the answer says, one thread at a time"),
               reward<Refusing>("bad_refusing", "1.0.0", "cannot be made", {boolean("refuse", true, "why not")}),
               reward<Moody>("bad_moody", "1.0.0", "tells its mode",
                             {text("mode", "released", "the mode", {"released", "strict"})}),
               reward<Moody>("bad_own_mode", "1.0.0", "has a mode that golong does not know",
                             {boolean("unused", true, "of this plugin only"),
                              text("mode", "fast", "the mode", {"fast", "slow"})}))
