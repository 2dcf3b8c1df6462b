#include "core/cli/launch_ranks.h"

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>

#include "core/base/machine.h"
#include "core/base/rank_errors.h"

namespace golong {
namespace {

constexpr int status_stopped = 130;  // as main.cpp ends for Stopped

// The variables of torchrun, as parallel/rank.h reads them.
std::map<std::string, std::string> environment_of(const LaunchPlan& plan, const Meeting& meeting, int64_t local) {
  std::map<std::string, std::string> variables{
      {"RANK", std::to_string(plan.first_rank() + local)},
      {"WORLD_SIZE", std::to_string(plan.ranks())},
      {"LOCAL_RANK", std::to_string(local)},
      {"LOCAL_WORLD_SIZE", std::to_string(plan.ranks_per_node)},
      {"MASTER_ADDR", meeting.host},
      {"MASTER_PORT", std::to_string(meeting.port)},
      {"GOLONG_RESTART", std::to_string(meeting.restart)},
  };
  if (!std::getenv("OMP_NUM_THREADS")) {
    const int64_t threads = static_cast<int64_t>(this_machine().cores) / plan.ranks_per_node;
    variables["OMP_NUM_THREADS"] = std::to_string(std::max<int64_t>(1, threads));
  }
  return variables;
}

// A training goes on from its newest checkpoint.
std::vector<std::string> command_of(const LaunchPlan& plan, const Meeting& meeting) {
  std::vector<std::string> command = plan.command;
  if (meeting.restart > 0 && command.front() == "train" && std::ranges::count(command, "--resume") == 0) {
    command.insert(command.begin() + 1, "--resume");
  }
  return command;
}

}  // namespace

LaunchedRanks::LaunchedRanks(const LaunchPlan& plan, const Meeting& meeting) {
  for (int64_t local = 0; local < plan.ranks_per_node; ++local) {
    const int64_t number = plan.first_rank() + local;
    std::unique_ptr<RankOutput> output;
    if (number > 0) output = std::make_unique<RankOutput>(std::to_string(number));
    ChildProcess process({.arguments = command_of(plan, meeting),
                          .environment = environment_of(plan, meeting, local),
                          .output = output ? output->for_rank() : -1});
    if (output) output->close_for_rank();
    ranks_.push_back({number, std::move(output), std::move(process)});
  }
}

void LaunchedRanks::poll_for(std::vector<pollfd>& files) const {
  for (const Rank& rank : ranks_) {
    if (rank.output && rank.output->pipe() >= 0) files.push_back({rank.output->pipe(), POLLIN, 0});
  }
}

void LaunchedRanks::pass_on_output() {
  for (const Rank& rank : ranks_) {
    if (rank.output) rank.output->read();
  }
}

void LaunchedRanks::signal(int number) {
  sent_.insert(number);
  for (Rank& rank : ranks_) rank.process.signal(number);
}

RankFailure LaunchedRanks::failure(const Rank& rank, int status) const {
  RankFailure failure{.rank = rank.number};
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    failure.how = "was ended by signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
    failure.status = 128 + number;
    failure.elsewhere = sent_.contains(number);
    failure.again = true;
  } else {
    failure.status = WEXITSTATUS(status);
    failure.how = "ended with exit status " + std::to_string(failure.status);
    failure.elsewhere = failure.status == status_other_rank_failed;
    failure.again = failure.elsewhere || failure.status == status_rank_failed;
  }
  if (rank.output) failure.lines = rank.output->last_lines();
  return failure;
}

std::vector<RankFailure> LaunchedRanks::failures() {
  std::vector<RankFailure> found;
  for (Rank& rank : ranks_) {
    const std::optional<int> status = rank.process.status();
    if (rank.ended || !status) continue;
    rank.ended = true;
    if (rank.output) rank.output->finish();  // what it has started may hold the pipe open
    if (WIFEXITED(*status) && (WEXITSTATUS(*status) == 0 || WEXITSTATUS(*status) == status_stopped)) {
      highest_status_ = std::max<int64_t>(highest_status_, WEXITSTATUS(*status));
    } else {
      found.push_back(failure(rank, *status));
    }
  }
  return found;
}

bool LaunchedRanks::all_ended() {
  return std::ranges::all_of(ranks_, [](const Rank& rank) { return rank.ended; });
}

}  // namespace golong
