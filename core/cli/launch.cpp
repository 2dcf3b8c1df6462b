// golong launch --nproc N COMMAND ...
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/line_connection.h"
#include "core/base/nearest.h"
#include "core/cli/command.h"
#include "core/cli/launch_job.h"

namespace golong {
namespace {

struct Options {
  LaunchOptions job;
  int64_t grace = 10;
};

void check(const LaunchOptions& job) {
  const LaunchPlan& plan = job.plan;
  if (plan.node >= plan.nodes) {
    fail("--node-rank ", plan.node, " of --nnodes ", plan.nodes, ": nodes are numbered from 0 to ", plan.nodes - 1);
  }
  if (plan.nodes > 1 && job.rendezvous.empty()) {
    fail("--nnodes ", plan.nodes, " needs --rendezvous HOST:PORT, an address of node 0 that all nodes reach");
  }
}

// Every rank would say it.
void check_command(const CLI::App& launch, const std::vector<std::string>& command) {
  if (command.empty()) throw CLI::ParseError("a command is required, such as train CONFIG", 2);
  if (command.front().starts_with("-")) throw CLI::ExtrasError(launch.get_name(), command);  // an unknown option
  const bool writes_one_file =
      std::ranges::any_of(command, [](const std::string& word) { return word.starts_with("--output"); });
  if (writes_one_file || command.front() == "chat") {
    fail("golong launch: ", command.front(), writes_one_file ? " --output" : "",
         " runs in one process; several ranks run train, bench train, bench rollout and bench device");
  }
  std::vector<std::string> known;
  for (const CLI::App* other : launch.get_parent()->get_subcommands([](const CLI::App*) { return true; })) {
    if (other != &launch) known.push_back(other->get_name());
  }
  if (std::ranges::count(known, command.front()) > 0) return;
  fail("golong launch: there is no command ", command.front(), " to launch", did_you_mean(command.front(), known));
}

void run(const CLI::App& launch, Options& options) {
  LaunchOptions& job = options.job;
  job.plan.command = launch.remaining();
  job.grace = std::chrono::seconds(options.grace);
  check_command(launch, job.plan.command);
  check(job);
  if (const int status = run_job(job); status != 0) throw ExitStatus{status};
}

}  // namespace

void add_launch_command(CLI::App& app) {
  CLI::App* launch = app.add_subcommand("launch", "Runs a command as several ranks, on one machine or more");
  auto options = std::make_shared<Options>();
  LaunchPlan& plan = options->job.plan;
  launch->footer("The command follows the options: golong launch --nproc 8 train demo.toml");
  launch->prefix_command();
  launch->add_option("--nproc", plan.ranks_per_node, "Ranks on this node")->required()->check(CLI::Range(1, 4096));
  launch->add_option("--nnodes", plan.nodes, "Nodes")->check(CLI::Range(1, 65536))->capture_default_str();
  launch->add_option("--node-rank", plan.node, "Which node this is, from 0")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  launch
      ->add_option("--rendezvous", options->job.rendezvous,
                   "Where the nodes meet: an address of node 0 and a port that nobody uses there")
      ->type_name("HOST:PORT");
  launch
      ->add_option("--restarts", options->job.restarts,
                   "How often to start all ranks again after one has died; `train` goes on from its newest checkpoint")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  launch->add_option("--grace", options->grace, "Seconds that ranks have to end before they are killed")
      ->check(CLI::Range(0, 86400))
      ->capture_default_str();
  launch->callback([launch, options] { run(*launch, *options); });
}

}  // namespace golong
