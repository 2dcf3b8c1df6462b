// Which prompt comes next: a seeded shuffle of each epoch, with optional task weights. Its state goes into checkpoints.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/data/dataset.h"

namespace golong {

// Not thread-safe. The order depends on data, seed and weights alone.
class Sampler {
 public:
  // Empty `weights`: each row once an epoch. Else: of each prompt first the task is drawn, by its weight (1 where it is
  // not named, 0: never), then the next row in the order of that task's own rows, each once before any comes again.
  // Throws Error where a weight names a task that the data does not have.
  Sampler(std::shared_ptr<const Dataset> dataset, uint64_t seed, bool shuffle,
          const std::map<std::string, double>& weights);
  ~Sampler();

  // The next prompts; Prompt::draw says how often the same row was drawn before.
  std::vector<Prompt> next(size_t count);
  int64_t epoch() const;  // how often as many prompts were drawn as the data has (with weights: rows of weight > 0)

  std::string save() const;             // JSON
  void load(const std::string& state);  // Throws Error when it is of other data, seed or weights

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace golong
