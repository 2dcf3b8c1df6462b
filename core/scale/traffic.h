// Bytes that a rank sends in a step, as parallel/group.h counts them (Traffic::bytes_sent): of a ring of N ranks N-1
// parts of what is gathered or summed. Left out are a few numbers for each step (norms, metrics) and the texts of
// prompts and responses that all ranks learn of.
#pragma once
#include <cstdint>
#include <vector>

#include "core/config/config.h"
#include "core/model/shape.h"

namespace golong::scale {

struct Sent {
  int64_t bytes = 0;
  int64_t operations = 0;
  void add(const Sent& other, int64_t times = 1) {
    bytes += times * other.bytes;
    operations += times * other.operations;
  }
  bool operator==(const Sent&) const = default;
};

// Numbers that each of `ranks` keeps of `count`: as many on each, the last filled up.
int64_t part_of(int64_t count, int64_t ranks);

// One operation of Group over parts of `part_bytes`: gather and sum_parts; and sum over `bytes`.
Sent gather_sent(int64_t part_bytes, int64_t ranks);
Sent sum_sent(int64_t bytes, int64_t ranks);

// What is split as one: parameters of a layer, and of those of its experts that a rank keeps.
struct Unit {
  int64_t plain = 0;    // split over shard x expert x context
  int64_t experts = 0;  // split over shard x context
};
// Embedding, head and final norm first, then the layers.
std::vector<Unit> units_of(const ModelShape& shape, int64_t expert_ranks);

// Parameters of all units that a rank keeps, and those that it would keep if nothing were split but the experts.
int64_t own_parameters(const ModelShape& shape, const ParallelConfig& mesh);
int64_t whole_parameters(const ModelShape& shape, const ParallelConfig& mesh);

// Passes over the model that a rank makes in a step.
struct PassCount {
  int64_t forward = 0, backward = 0, optimizer_steps = 1;
  int64_t holds =
      1;  // times that the first unit is gathered for passes: for each optimizer step, and for passes before
};

// Of weights, gradients and moments.
//   zero 3: a layer's weights are gathered in each forward and in each backward pass (once for both where it is
//           recomputed there), its gradients summed in float32 in each backward pass; of the first unit once for an
//           optimizer step and before passes without gradients; all weights are gathered once a step to generate.
//   zero 2: gradients as before; weights are gathered once after each optimizer step.
//   zero 1: gradients are summed once for each optimizer step.
// Between replicas each rank's sums once for an optimizer step.
struct StateTraffic {
  Sent weights, gradients;                // over the ranks that split parameters which are no experts'
  Sent expert_weights, expert_gradients;  // over those that keep the same experts
  Sent generation, expert_generation;     // zero 3: weights to generate with
  Sent replicas;
};
StateTraffic state_traffic(const ModelShape& shape, const ParallelConfig& mesh, int64_t number_bytes,
                           const PassCount& passes);

// Of the context ranks in one pass.
//   "gather": keys and values of each layer's prompts are gathered forward, again where it is recomputed, and again
//             backward, when their gradients are summed in float32.
//   "heads":  queries, keys and values are exchanged for heads, what attention gives for tokens, and their gradients
//             likewise.
// The last rows of prompts go from context rank 0 to the others, their gradients, summed in float32, back.
struct ContextPass {
  std::vector<int64_t> prompts;    // tokens
  bool kept = false;               // computed in a pass before: rows are of responses alone
  int64_t rows = 0, all_rows = 0;  // "heads": that this rank computes, and all context ranks together
  bool backward = false;           // after its forward pass
  int64_t recomputed = 0;          // layers
  int64_t rank = 0;                // among the context ranks
};
Sent context_traffic(const ModelShape& shape, const ParallelConfig& mesh, int64_t number_bytes,
                     const ContextPass& pass);

// Of the expert ranks in one pass, where `rows_away` rows of each layer with experts go to other ranks: there and back,
// and so do their gradients; before them how many they are, and before the pass how many layers are recomputed. As many
// rows come from others as go away.
Sent expert_traffic(const ModelShape& shape, const ParallelConfig& mesh, int64_t number_bytes, int64_t rows_away,
                    bool backward, int64_t recomputed);
// Rows that go away where the router loves all experts alike.
int64_t expected_rows_away(const ModelShape& shape, int64_t tokens, int64_t expert_ranks);

}  // namespace golong::scale
