#include "core/cli/launch_nodes.h"

#include <boost/json.hpp>
#include <chrono>
#include <cstdio>

#include "core/base/error.h"
#include "core/base/version.h"

namespace golong {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

constexpr auto longest_meeting = std::chrono::minutes(10);
constexpr auto between_tries = std::chrono::milliseconds(500);

// What others send is not trusted to be what we send.
json::object parsed(const std::string& line) {
  boost::system::error_code error;
  const json::value value = json::parse(line, error);
  return !error && value.is_object() ? value.get_object() : json::object{};
}

// Until something can be read or the time is over.
void wait_for(std::vector<pollfd> files, SignalFile& signals, Clock::time_point latest) {
  files.push_back({signals.file(), POLLIN, 0});
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(latest - Clock::now()).count();
  if (left > 0) ::poll(files.data(), files.size(), static_cast<int>(left));
  if (!signals.take().empty()) throw Stopped("stopped while it waited for the other nodes");
}

}  // namespace

std::string NodeMessage::text(const char* key) const {
  const json::value* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : "";
}

int64_t NodeMessage::number(const char* key) const {
  const json::value* value = object.if_contains(key);
  return value && value->is_int64() ? value->get_int64() : -1;
}

bool NodeMessage::flag(const char* key) const {
  const json::value* value = object.if_contains(key);
  return value && value->is_bool() && value->get_bool();
}

LaunchNodes::LaunchNodes(const LaunchPlan& plan, const std::string& rendezvous) : plan_(plan) {
  if (plan_.nodes == 1) return;
  at_ = parse_host_port(rendezvous);
  if (plan_.node == 0) listener_ = std::make_unique<LineListener>(at_.port);
}

Meeting LaunchNodes::meet(int64_t restart, SignalFile& signals) {
  others_.clear();
  if (plan_.nodes == 1) return {"127.0.0.1", free_port(), restart};
  if (plan_.node > 0) return join(signals);
  accept_all(signals);
  Meeting meeting{at_.host, free_port(), restart};
  tell({{"kind", "start"}, {"port", meeting.port}, {"restart", restart}});
  return meeting;
}

void LaunchNodes::accept_all(SignalFile& signals) {
  std::vector<Connection> strangers;
  const auto latest = Clock::now() + longest_meeting;
  while (static_cast<int64_t>(others_.size()) + 1 < plan_.nodes) {
    if (Clock::now() > latest) {
      std::string missing;
      for (int64_t node = 1; node < plan_.nodes; ++node) {
        if (!others_.contains(node)) missing += (missing.empty() ? "" : ", ") + std::to_string(node);
      }
      fail("of ", plan_.nodes, " nodes these did not come to ", at_.host, ":", at_.port,
           " within ten minutes: ", missing, "; start `golong launch --node-rank K` on each");
    }
    std::vector<pollfd> files{{listener_->socket(), POLLIN, 0}};
    for (const Connection& stranger : strangers) files.push_back({stranger->socket(), POLLIN, 0});
    poll_for(files);
    wait_for(files, signals, latest);
    receive();  // lets go of those that went again
    while (Connection stranger = listener_->accept()) strangers.push_back(std::move(stranger));
    for (Connection& stranger : strangers) {
      for (const std::string& line : stranger->receive()) {
        if (stranger) take(stranger, {0, parsed(line)});
      }
    }
    std::erase_if(strangers, [](const Connection& stranger) { return !stranger || stranger->closed(); });
  }
}

// Makes a node of a stranger, or says what is wrong with it.
void LaunchNodes::take(Connection& stranger, const NodeMessage& join) {
  if (join.text("kind") != "join") return;
  const int64_t node = join.number("node");
  std::string why;
  const auto expect = [&](const char* key, const char* what, const json::value& mine) {
    const json::value* theirs = join.object.if_contains(key);
    const std::string said = theirs ? json::serialize(*theirs) : "nothing";
    if (why.empty() && said != json::serialize(mine)) {
      why = "node " + std::to_string(node) + " has " + what + " " + said + ", node 0 " + json::serialize(mine);
    }
  };
  expect("version", "golong", version);
  expect("nodes", "--nnodes", plan_.nodes);
  expect("ranks_per_node", "--nproc", plan_.ranks_per_node);
  if (why.empty() && (node < 1 || node >= plan_.nodes)) why = "there is no node " + std::to_string(node);
  if (why.empty() && others_.contains(node)) {
    why = "node " + std::to_string(node) + " is there already; each node has its own --node-rank";
  }
  if (why.empty()) {
    others_[node] = std::move(stranger);
    return;
  }
  std::fprintf(stderr, "golong: refused a node: %s\n", why.c_str());
  stranger->send(json::serialize(json::object{{"kind", "refused"}, {"why", why}}));
  stranger = nullptr;
}

Meeting LaunchNodes::join(SignalFile& signals) {
  const auto latest = Clock::now() + longest_meeting;
  std::string why;
  while (Clock::now() < latest) {
    others_[0] = LineConnection::open(at_, std::chrono::seconds(5), why);
    if (others_[0]) {
      tell({{"kind", "join"},
            {"node", plan_.node},
            {"nodes", plan_.nodes},
            {"ranks_per_node", plan_.ranks_per_node},
            {"version", version}});
      if (const auto meeting = answer(signals)) return *meeting;
      why = "it closed the connection";
    }
    wait_for({}, signals, Clock::now() + between_tries);
  }
  fail("node ", plan_.node, " did not meet node 0 at ", at_.host, ":", at_.port, " within ten minutes: ", why);
}

// None where node 0 is gone, and may come back.
std::optional<Meeting> LaunchNodes::answer(SignalFile& signals) {
  const auto latest = Clock::now() + 2 * longest_meeting;  // others may come late
  while (Clock::now() < latest) {
    std::vector<pollfd> files;
    poll_for(files);
    wait_for(files, signals, latest);
    for (const NodeMessage& message : receive()) {
      const std::string kind = message.text("kind");
      if (kind == "start") return Meeting{at_.host, message.number("port"), message.number("restart")};
      if (kind == "refused") fail("node 0 refused this one: ", message.text("why"));
      if (kind == "gone") return {};
    }
  }
  return {};
}

void LaunchNodes::poll_for(std::vector<pollfd>& files) const {
  for (const auto& [node, connection] : others_) files.push_back({connection->socket(), POLLIN, 0});
}

std::vector<NodeMessage> LaunchNodes::receive() {
  std::vector<NodeMessage> messages;
  for (const auto& [node, connection] : others_) {
    for (const std::string& line : connection->receive()) messages.push_back({node, parsed(line)});
    if (connection->closed()) messages.push_back({node, {{"kind", "gone"}}});
  }
  std::erase_if(others_, [](const auto& other) { return other.second->closed(); });
  return messages;
}

void LaunchNodes::tell(const json::object& message, int64_t except) {
  const std::string line = json::serialize(message);
  for (const auto& [node, connection] : others_) {
    if (plan_.node > 0 || node != except) connection->send(line);
  }
}

}  // namespace golong
