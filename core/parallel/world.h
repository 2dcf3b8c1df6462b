// All ranks of a job: how they meet, and the groups that are made of them.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/parallel/group.h"
#include "core/parallel/operations.h"
#include "core/parallel/rank.h"

namespace golong::parallel {

class Backends;

// Where ranks leave each other short texts. Thread-safe. Functions throw Error where rank 0, which keeps them, is gone.
class Notes {
 public:
  virtual ~Notes() = default;
  virtual void set(const std::string& key, const std::string& value) = 0;
  virtual std::optional<std::string> find(const std::string& key) = 0;  // none where nobody has set it yet
  virtual std::string wait(const std::string& key, std::chrono::milliseconds longest) = 0;  // throws Overdue
  virtual int64_t add(const std::string& key, int64_t number) = 0;  // to a sum that begins at 0; returns it
  virtual std::vector<std::string> read(const std::vector<std::string>& keys) = 0;  // each was set before
};

struct WorldOptions {
  Rank rank = rank_from_environment();
  std::chrono::milliseconds timeout = std::chrono::minutes(10);  // for a rank that does not come
  std::shared_ptr<const Backends> backends;  // of the model's device; nullptr: Gloo, for tensors on the CPU
};

// Lives as long as its groups are used. One a process.
class World {
 public:
  // Waits until all ranks are there. Throws OtherRankFailed that names those that do not come. Returns at once for one
  // rank; with many, writing to a closed pipe or connection no longer ends this process with SIGPIPE.
  static std::shared_ptr<World> open(const WorldOptions& options);
  virtual ~World() = default;

  virtual const Rank& rank() const = 0;
  bool is_first() const { return rank().rank == 0; }  // who writes the run's files

  // All ranks, for texts and for tensors on the CPU.
  virtual const Group& all() const = 0;

  // The group of some ranks, in order, this one among them; every rank of them calls it, and all ranks make their
  // groups in the same order. `name` tells one kind of groups from another, such as "context ranks".
  virtual Group group(const std::vector<int64_t>& ranks, const std::string& name) = 0;

  virtual Notes& notes() = 0;  // of more than one rank
  // The same notes over a connection of its own, so that who waits there holds nobody up here.
  virtual std::unique_ptr<Notes> notes_apart() = 0;

  // What this rank has begun in groups of more than one; of more than one rank.
  virtual Operations& operations() = 0;

  // Since the world was opened: bytes of all groups that move tensors of the model, seconds of these and of all().
  virtual Traffic traffic() const = 0;
};

}  // namespace golong::parallel
