// How the `golong launch` of several nodes act as one: they meet at the rendezvous, which node 0 listens at, tell each
// other what happens, and do what node 0 decides. All of it is lines of JSON over a connection of each node to node 0:
//
//   to node 0   {"kind": "join", "node", "nodes", "ranks_per_node", "version"}
//   from it     {"kind": "refused", "why"} or {"kind": "start", "port", "restart"}
//   both ways   {"kind": "failed", ...} a rank, see launch.cpp; {"kind": "signal", "number"} to pass on
//   to node 0   {"kind": "ended", "status"} all ranks of the node
//   from it     {"kind": "finish", "status", "again"}
#pragma once
#include <poll.h>

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/line_connection.h"
#include "core/cli/launch_ranks.h"
#include "core/cli/signal_file.h"

namespace golong {

struct NodeMessage {
  int64_t node = 0;            // who sent it
  boost::json::object object;  // {"kind": "gone"} where its connection was closed

  // "", -1 and false where there is no such value.
  std::string text(const char* key) const;
  int64_t number(const char* key) const;
  bool flag(const char* key) const;
};

// Not thread-safe. Of one node it does nothing.
class LaunchNodes {
 public:
  // `rendezvous`: HOST:PORT, the same on all nodes; not read for one node. Throws Error where it is no address or node
  // 0 cannot listen there.
  LaunchNodes(const LaunchPlan& plan, const std::string& rendezvous);

  // Waits until all nodes are there, and lets go of whoever was there before. Node 0 names the start, others are told.
  // Throws Error that names nodes that do not come within ten minutes, or what node 0 does not accept; Stopped where
  // a signal came.
  Meeting meet(int64_t restart, SignalFile& signals);

  void poll_for(std::vector<pollfd>& files) const;
  std::vector<NodeMessage> receive();  // what has come, without waiting
  // Node 0: to all others but `except`. Others: to node 0.
  void tell(const boost::json::object& message, int64_t except = 0);

 private:
  using Connection = std::unique_ptr<LineConnection>;
  void accept_all(SignalFile& signals);
  void take(Connection& stranger, const NodeMessage& join);
  Meeting join(SignalFile& signals);
  std::optional<Meeting> answer(SignalFile& signals);  // of node 0

  const LaunchPlan plan_;
  HostPort at_;
  std::unique_ptr<LineListener> listener_;  // of node 0, where there are others
  std::map<int64_t, Connection> others_;    // by node
};

}  // namespace golong
