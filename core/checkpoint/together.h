// How ranks write one checkpoint together: each its own files into one folder, which all of them see; the first one
// makes the folder, and seals it when all have written. And how they read one, and all do or none.
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/checkpoint/manifest.h"
#include "core/parallel/world.h"

namespace golong {

// By default this process writes alone.
struct CheckpointRanks {
  int64_t rank = 0, size = 1;
  std::shared_ptr<parallel::Notes> notes;  // of more than one rank; a connection of its own, for it waits there
  // To wait for what another rank writes or reads (checkpoint.timeout_seconds).
  std::chrono::milliseconds longest = std::chrono::minutes(30);

  bool alone() const { return size == 1; }
  // What the files of this rank are called: "model" alone, else "model.rank-00003".
  std::string stem(const std::string& name) const;
};

using CheckpointFiles = std::map<std::string, Manifest::File>;

// One checkpoint that is written or read together. Where a rank fails, or is not done in time, all throw an Error that
// names it.
class DoneTogether {
 public:
  // `number` tells one checkpoint from another, the same on all ranks.
  DoneTogether(CheckpointRanks ranks, int64_t number);

  // The first rank runs `open`, which makes the folder; then all run `write`, which gives the files that it has
  // written; then the first one runs `seal` with the files of all. Returns when that is done.
  void run(const std::function<void()>& open, const std::function<CheckpointFiles()>& write,
           const std::function<void(const CheckpointFiles&)>& seal) const;

 private:
  std::string key(const std::string& name) const { return "checkpoint/" + std::to_string(number_) + "/" + name; }
  void first(const std::function<void()>& open, const std::function<CheckpointFiles()>& write,
             const std::function<void(const CheckpointFiles&)>& seal) const;
  void other(const std::function<CheckpointFiles()>& write) const;
  std::string hear(const std::string& name, int64_t rank, std::chrono::nanoseconds longest,
                   CheckpointFiles& files) const;

  CheckpointRanks ranks_;
  int64_t number_;
};

}  // namespace golong
