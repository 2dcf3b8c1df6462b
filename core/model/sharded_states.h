// Weights and gradients of a model split over the ranks of a mesh, layer by layer: how each parameter is laid out
// stands in states_of().
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/model/layer_weights.h"
#include "core/model/model.h"
#include "core/parallel/flat_unit.h"
#include "core/parallel/mesh.h"

namespace golong {

// Where the states of a parameter lie: with those of its layer, split over the ranks of a replica; those of an expert
// over the ranks that keep the same experts. What is of no layer (embedding, last norm, head) is gathered as long as an
// update lasts.
struct StatesOf {
  std::optional<int64_t> layer;
  bool of_expert = false;
  bool operator<(const StatesOf& other) const {
    return std::tie(layer, of_expert) < std::tie(other.layer, other.of_expert);
  }
};
StatesOf states_of(const std::string& parameter);

// Takes over the memory of the model's parameters, and is called around each pass through its layers as long as it
// lives. All ranks of a replica run the same passes. Not thread-safe.
class ShardedStates : public LayerWeights {
 public:
  // Parameters have the same values on all ranks that split them; those that need no gradient have weights alone.
  ShardedStates(Model& model, const parallel::Mesh& mesh, parallel::Split split);
  ~ShardedStates() override;
  ShardedStates(const ShardedStates&) = delete;
  ShardedStates& operator=(const ShardedStates&) = delete;

  // Passes run between these; what is of no layer is there meanwhile.
  void begin_passes();
  void end_passes();

  // While one lives all weights are there, for passes without gradients that meet no other rank's: generation. nullptr:
  // they always are.
  class Whole {
   public:
    explicit Whole(ShardedStates* states);
    ~Whole();
    Whole(const Whole&) = delete;
    Whole& operator=(const Whole&) = delete;

   private:
    ShardedStates* states_;
  };

  // Of an update: before its passes, after each backward pass, after the last one. The pieces' gradients are then the
  // sums over all ranks.
  void zero_gradients();
  void take_gradients();
  void finish_gradients();
  void spread_weights();  // after the pieces' weights were changed

  std::vector<parallel::Piece> pieces() const;
  // Of the bits of the weights that this rank keeps: replicas that still have the same have the same number.
  int64_t fingerprint() const;
  // Whether the ranks of a replica meet in each pass.
  bool in_step() const { return split_ != parallel::Split::optimizer && !mesh_.replica.alone(); }
  bool is_first_replica() const { return mesh_.place.replicate == 0; }  // others have the same states
  const parallel::Group& replica() const { return mesh_.replica; }

  void before_forward(int64_t layer) override;
  void after_forward(int64_t layer) override;
  void before_backward(int64_t layer) override;
  void after_backward(int64_t layer) override;

 private:
  using Units = std::vector<parallel::FlatUnit*>;
  template <class Function>
  void each(const Function& function) {
    for (parallel::FlatUnit& unit : units_) function(unit);
  }
  void gather(int64_t layer, int64_t next);

  Model& model_;
  const parallel::Mesh& mesh_;
  const parallel::Split split_;
  std::vector<parallel::FlatUnit> units_;
  Units roots_;
  std::vector<Units> layers_;  // the units of each
  Units summing_;              // whose gradients are on their way
};

}  // namespace golong
