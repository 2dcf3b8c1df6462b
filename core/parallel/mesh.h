// How the ranks of a job share its work. Ranks stand in a grid of four dimensions:
//
//   replicate  copies of all states; each works on its own part of the batch
//   shard      each works on its own part of the batch, too, and keeps a part of the states
//   expert     likewise, and keeps a part of the experts, to which others send their tokens
//   context    share the tokens of one part of the batch, prompts split among them
//
// rank = ((replicate * shards + shard) * experts + expert) * contexts + context: context ranks are neighbours, for they
// exchange most. States (weights, gradients, moments) are split over all ranks of a replica, those of experts over the
// ranks that keep the same ones.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/parallel/group.h"
#include "core/parallel/world.h"

namespace golong::parallel {

struct MeshShape {
  int64_t replicate = 1, shard = 1, context = 1, expert = 1;
  int64_t ranks() const { return replicate * shard * context * expert; }
};

// Where a rank stands.
struct Place {
  int64_t replicate = 0, shard = 0, context = 0, expert = 0;
};
Place place_of(int64_t rank, const MeshShape& shape);
int64_t rank_at(const Place& place, const MeshShape& shape);

struct Mesh {
  Mesh() = default;  // one process alone
  // All ranks call it together. Throws Error where the world has another number of ranks.
  Mesh(World& world, const MeshShape& shape);

  MeshShape shape;
  Place place;
  Group all;
  Group context;         // share the tokens of one part of the batch
  Group expert;          // keep the experts of a layer among them
  Group replica;         // split the states of parameters that are no experts': shard x expert x context
  Group expert_replica;  // split the states of the same experts: shard x context
  Group replicas;        // hold the same states: replicate

  bool alone() const { return shape.ranks() == 1; }
  // Parts of a batch, and which is this rank's; context ranks have the same.
  int64_t parts() const { return shape.replicate * shape.shard * shape.expert; }
  int64_t part() const { return (place.replicate * shape.shard + place.shard) * shape.expert + place.expert; }
};

}  // namespace golong::parallel
