// Parameters that are gathered and given back together (those of a layer, say), laid one behind the other and split
// evenly over the ranks of a group: ZeRO.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/parallel/group.h"

namespace golong::parallel {

// What a rank keeps of all parameters when they are split.
enum class Split {
  optimizer = 1,  // moments and master weights
  gradients = 2,  // their sums, too: added up over the ranks after each backward pass
  weights = 3,    // these, too: there while they are gathered
};

// A part of a parameter that this rank keeps the state of.
struct Piece {
  std::string name;           // the parameter's
  int64_t offset = 0;         // of its first element in the parameter, flattened
  std::vector<int64_t> size;  // of the whole parameter
  at::Tensor weight;          // [n] in the parameters' dtype
  at::Tensor gradient;        // [n] float32: the sum over all ranks once gradients are finished
};

// The tensors of the parameters stay the same objects; their memory is the unit's. They are contiguous in it, in order.
// Of a group of one nothing is split. Not thread-safe; all ranks of the group call the same functions in the same
// order.
class FlatUnit {
 public:
  // Leaves of one dtype and device, with the same values on all ranks. Those that need no gradient have weights alone.
  // `late`: gradients are summed over the ranks once an update whatever `split` says, and are whole until then.
  FlatUnit(std::vector<std::pair<std::string, at::Tensor>> parameters, Group ranks, Split split, bool late = false);

  // With Split::weights: before parameters are used, and afterwards; without nothing is to be done. `gather_later` may
  // be called before, so that the weights come while something else is computed. Saved for a backward pass they are
  // there again once they are gathered again.
  void gather_later();
  void gather();
  void release();
  // No release until then: for generation, and for what all passes use.
  void hold() { gather(), held_ = true; }
  void let_go() { held_ = false, release(); }

  // Adds the gradients that a backward pass has left in the parameters to the sums, and frees them. Parameters without
  // count as 0. Where they are not late, what goes over the ranks may be on its way until settle_gradients(), and takes
  // a copy of all gradients in float32 meanwhile. Of a group of one in float32 the parameters' gradients are the sums,
  // and there is nothing to do.
  void take_gradients();
  void settle_gradients();
  // After the last backward pass of an update: the sums of this rank's pieces are those over all ranks of the group.
  void finish_gradients();
  void zero_gradients();

  const std::vector<Piece>& pieces() const { return pieces_; }
  const at::Tensor& weights() const { return own_; }        // this rank's part, [part]
  const at::Tensor& gradients() const { return own_sum_; }  // of all pieces, [part]; undefined where there are none
  // After the pieces' weights were changed: all ranks have them.
  void spread_weights();

  const std::vector<std::pair<std::string, at::Tensor>>& parameters() const { return parameters_; }

 private:
  void add_gradients_to(const at::Tensor& all);
  void sum_over_ranks(const at::Tensor& all);  // begins it

  std::vector<std::pair<std::string, at::Tensor>> parameters_;
  Group ranks_;
  Split split_;
  bool late_;
  bool sums_in_place_ = false;  // of a group of one in float32: own_sum_ is where the parameters have their gradients
  int64_t numel_ = 0;           // of all parameters, filled up to a multiple of the ranks
  at::Tensor flat_;             // [numel_] the parameters; without memory while released
  at::Tensor own_;              // [numel_ / N] this rank's part; a view of flat_ where weights are not split
  at::Tensor own_sum_;          // [numel_ / N] float32, of its gradients; undefined where there are none
  at::Tensor late_sum_;         // [numel_] float32, of gradients that are not yet summed over the ranks
  std::vector<Piece> pieces_;
  Pending coming_, summing_;
  at::Tensor summed_;  // [numel_ / N] what summing_ makes, or undefined
  bool whole_ = true, held_ = false;
};

}  // namespace golong::parallel
