#include "core/parallel/mesh.h"

#include <functional>

#include "core/base/error.h"

namespace golong::parallel {

Place place_of(int64_t rank, const MeshShape& shape) {
  Place place;
  place.context = rank % shape.context;
  rank /= shape.context;
  place.expert = rank % shape.expert;
  rank /= shape.expert;
  place.shard = rank % shape.shard;
  place.replicate = rank / shape.shard;
  return place;
}

int64_t rank_at(const Place& place, const MeshShape& shape) {
  return ((place.replicate * shape.shard + place.shard) * shape.expert + place.expert) * shape.context + place.context;
}

Mesh::Mesh(World& world, const MeshShape& s) : shape(s) {
  if (shape.ranks() != world.rank().size) {
    fail("[parallel] is a mesh of ", shape.replicate, " x ", shape.shard, " x ", shape.context, " x ", shape.expert,
         " (replicate x shard x context x expert) = ", shape.ranks(), " ranks, and ", world.rank().size,
         world.rank().size == 1 ? " is" : " are", " running; set the keys so that their product is the number of ranks",
         world.rank().alone() ? ", or start that many with `golong launch --nproc N train ...`" : "");
  }
  place = place_of(world.rank().rank, shape);
  all = world.all();
  // The ranks that differ from this one only in the dimensions that `same` leaves free, in order.
  const auto those = [&](const std::function<bool(const Place&)>& same, const std::string& name) {
    std::vector<int64_t> ranks;
    for (int64_t rank = 0; rank < shape.ranks(); ++rank) {
      if (same(place_of(rank, shape))) ranks.push_back(rank);
    }
    return world.group(ranks, name);
  };
  const Place& p = place;
  context =
      those([&](const Place& q) { return q.replicate == p.replicate && q.shard == p.shard && q.expert == p.expert; },
            "context ranks");
  expert =
      those([&](const Place& q) { return q.replicate == p.replicate && q.shard == p.shard && q.context == p.context; },
            "expert ranks");
  replica = those([&](const Place& q) { return q.replicate == p.replicate; }, "ranks of a replica");
  expert_replica = those([&](const Place& q) { return q.replicate == p.replicate && q.expert == p.expert; },
                         "ranks of some experts");
  replicas = those([&](const Place& q) { return q.shard == p.shard && q.context == p.context && q.expert == p.expert; },
                   "replicas");
}

}  // namespace golong::parallel
