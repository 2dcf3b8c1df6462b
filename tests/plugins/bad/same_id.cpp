// Claims an id that another library has.
#include "golong/plugin.hpp"

using namespace golong::sdk;

namespace {
struct One : Reward {
  double score(const Gold&, const Response&, const Call&) { return 1; }
};
}  // namespace

GOLONG_LIBRARY("same_id", reward<One>("bad_obedient", "2.0.0", "the same id again"))
