#include "core/cli/launch_job.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <optional>
#include <set>

#include "core/cli/launch_nodes.h"
#include "core/cli/signal_file.h"

namespace golong {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

constexpr int64_t status_stopped = 130;  // as main.cpp ends for Stopped

json::object to_json(const RankFailure& f) {
  return {{"kind", "failed"},         {"rank", f.rank},   {"how", f.how},    {"status", f.status},
          {"elsewhere", f.elsewhere}, {"again", f.again}, {"lines", f.lines}};
}

RankFailure failure_of(const NodeMessage& m) {
  return {m.number("rank"), m.text("how"), m.number("status"), m.flag("elsewhere"), m.flag("again"), m.text("lines")};
}

std::string indented(const std::string& lines) {
  std::string text;
  for (size_t start = 0, end; (end = lines.find('\n', start)) != std::string::npos; start = end + 1) {
    text += "\n  " + lines.substr(start, end - start);
  }
  return text;
}

struct Ending {
  int64_t status = 0;
  bool again = false;
};

// The ranks of all nodes from one start to their end, seen from this node.
class Start {
 public:
  Start(const LaunchOptions& options, const Meeting& meeting, LaunchNodes& nodes, SignalFile& signals)
      : options_(options), restart_(meeting.restart), nodes_(nodes), signals_(signals), ranks_(options.plan, meeting) {}
  Ending run();

 private:
  bool first() const { return options_.plan.node == 0; }
  void wait() const;
  void look_at_ranks();
  void handle(const NodeMessage& message);
  void handle(const RankFailure& failure, int64_t from);
  void pass_on(int signal);
  void end_ranks();
  void lost(int64_t node);
  void node_ended(int64_t node, int64_t status);
  std::string reason() const;

  const LaunchOptions& options_;
  const int64_t restart_;
  LaunchNodes& nodes_;
  SignalFile& signals_;
  LaunchedRanks ranks_;
  std::optional<RankFailure> cause_;       // of the end
  std::optional<Clock::time_point> kill_;  // when those are killed that were asked to end
  bool killed_ = false;
  int signals_passed_on_ = 0;
  bool ended_here_ = false, decider_gone_ = false;
  std::set<int64_t> nodes_ended_;
  int64_t highest_status_ = 0;     // of ranks that ended as they were asked to
  std::optional<Ending> decided_;  // by node 0
};

Ending Start::run() {
  while (!decided_) {
    wait();
    for (const int signal : signals_.take()) {
      pass_on(signal);
      nodes_.tell({{"kind", "signal"}, {"number", signal}});
    }
    look_at_ranks();
    for (const NodeMessage& message : nodes_.receive()) handle(message);
    if (kill_ && !killed_ && Clock::now() >= *kill_) {
      killed_ = true;
      ranks_.signal(SIGKILL);
    }
    if (decider_gone_ && ended_here_ && !decided_) decided_ = Ending{cause_->status, false};
  }
  if (const std::string why = reason(); !why.empty()) std::fprintf(stderr, "golong: %s\n", why.c_str());
  return *decided_;
}

void Start::wait() const {
  std::vector<pollfd> files{{signals_.file(), POLLIN, 0}};
  ranks_.poll_for(files);
  nodes_.poll_for(files);
  int milliseconds = -1;
  if (kill_ && !killed_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*kill_ - Clock::now()).count();
    milliseconds = static_cast<int>(std::max<int64_t>(0, left));
  }
  ::poll(files.data(), files.size(), milliseconds);
}

void Start::look_at_ranks() {
  ranks_.pass_on_output();
  for (const RankFailure& failure : ranks_.failures()) handle(failure, options_.plan.node);
  if (ended_here_ || !ranks_.all_ended()) return;
  ended_here_ = true;
  highest_status_ = std::max(highest_status_, ranks_.highest_status());
  if (first()) {
    node_ended(0, highest_status_);
  } else {
    nodes_.tell({{"kind", "ended"}, {"status", highest_status_}});
  }
}

void Start::handle(const NodeMessage& message) {
  const std::string kind = message.text("kind");
  if (kind == "failed") {
    handle(failure_of(message), message.node);
  } else if (kind == "signal") {
    pass_on(static_cast<int>(message.number("number")));
    if (first()) nodes_.tell(message.object, message.node);
  } else if (kind == "ended" && first()) {
    node_ended(message.node, message.number("status"));
  } else if (kind == "finish") {
    decided_ = Ending{message.number("status"), message.flag("again")};
  } else if (kind == "gone" && !decided_) {
    lost(message.node);
  }
}

// A launcher is gone, and its ranks with it, or soon. Without node 0 nobody is left to decide.
void Start::lost(int64_t node) {
  RankFailure failure{.rank = node * options_.plan.ranks_per_node, .elsewhere = false, .again = first()};
  failure.how = "is gone with the launcher of node " + std::to_string(node);
  handle(failure, node);
  if (first()) {
    node_ended(node, failure.status);
  } else {
    decider_gone_ = true;
  }
}

// One rank's failure ends all. What others say of it afterwards is not the cause, but may have been seen before it.
void Start::handle(const RankFailure& failure, int64_t from) {
  if (signals_passed_on_ > 0 && failure.elsewhere) {  // as it was asked to
    highest_status_ = status_stopped;
    return;
  }
  if (cause_ && (!cause_->elsewhere || failure.elsewhere)) return;
  cause_ = failure;
  if (first() || from == options_.plan.node) nodes_.tell(to_json(failure), from);
  end_ranks();
}

void Start::pass_on(int signal) { ranks_.signal(++signals_passed_on_ > 1 ? SIGKILL : signal); }

void Start::end_ranks() {
  if (kill_) return;
  ranks_.signal(SIGTERM);
  kill_ = Clock::now() + options_.grace;
}

void Start::node_ended(int64_t node, int64_t status) {
  highest_status_ = std::max(highest_status_, status);
  nodes_ended_.insert(node);
  if (static_cast<int64_t>(nodes_ended_.size()) < options_.plan.nodes) return;
  decided_ = Ending{cause_ ? cause_->status : highest_status_, false};
  decided_->again = cause_ && cause_->again && signals_passed_on_ == 0 && restart_ < options_.restarts;
  nodes_.tell({{"kind", "finish"}, {"status", decided_->status}, {"again", decided_->again}});
}

std::string Start::reason() const {
  if (!cause_) return "";
  const std::string rank = "rank " + std::to_string(cause_->rank);
  std::string text = rank + " " + cause_->how + ", so the others were ended";
  if (cause_->elsewhere) text += "; the cause is another rank, as it says";
  if (!cause_->lines.empty()) text += ". The last that " + rank + " wrote:" + indented(cause_->lines);
  return text;
}

}  // namespace

int run_job(const LaunchOptions& options) {
  SignalFile signals;
  LaunchNodes nodes(options.plan, options.rendezvous);
  for (int64_t restart = 0;; ++restart) {
    const Meeting meeting = nodes.meet(restart, signals);
    const Ending ending = Start(options, meeting, nodes, signals).run();
    if (!ending.again) return static_cast<int>(ending.status);
    restart = meeting.restart;  // of all nodes
    std::fprintf(stderr, "golong: starting again, restart %lld\n", static_cast<long long>(restart) + 1);
  }
}

}  // namespace golong
