// Which prompt comes next: a seeded shuffle of each epoch, with optional task weights. Its state goes into checkpoints.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/data/dataset.h"

namespace golong {

class Sampler {
 public:
  // `weights`: task id -> relative share of the prompts; empty: each row once an epoch.
  Sampler(std::shared_ptr<const Dataset> dataset, uint64_t seed, bool shuffle,
          const std::map<std::string, double>& weights);
  ~Sampler();

  std::vector<Prompt> next(size_t count);  // sets Prompt::draw
  int64_t epoch() const;                   // epochs that are complete

  std::string save() const;                // JSON
  void load(const std::string& state);     // Throws Error when it is of other data, seed or weights

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace golong
