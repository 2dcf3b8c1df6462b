// Asks a normalizer for the advantages of a batch, and trusts nothing that comes back.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/plugin/registry.h"

namespace golong::plugin {

// The responses of a batch as columns, [responses] unless said otherwise; responses of a group may stand apart.
struct NormalizerBatch {
  std::vector<double> rewards;           // finite where scored
  std::vector<uint32_t> groups;          // index into group_tasks
  std::vector<uint32_t> lengths;         // tokens
  std::vector<int32_t> finish_reasons;   // GOLONG_FINISH_*
  std::vector<golong_outcome> outcomes;  // what is not GOLONG_SCORED counts for nothing and gets advantage 0
  std::vector<uint32_t> group_tasks;     // [groups] index into tasks
  std::vector<std::string> tasks;        // [tasks] normalisation keys
};

struct NormalizerResult {
  std::vector<double> advantages;         // [responses] finite
  std::map<std::string, double> metrics;  // named by the plugin
};

// REQUIRES: columns of equal length, indices in range. Not to be called from several threads for one instance unless
// it is thread-safe. Throws Error that names the plugin, and the response where one is to blame: the plugin failed,
// left an advantage out, gave one that is not finite, or gave one other than 0 to a response that was not scored.
NormalizerResult normalize(const Instance& normalizer, const NormalizerBatch& batch);

}  // namespace golong::plugin
