// A normalizer plugin as the core uses it: columns in, one finite advantage for each response out.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/plugin/registry.h"

namespace golong::plugin {

// The responses of one step. All columns of responses have one length; groups and tasks are numbered from 0.
struct Columns {
  std::vector<double> rewards;
  std::vector<uint32_t> groups;
  std::vector<uint32_t> lengths;        // tokens
  std::vector<int32_t> finish_reasons;  // GOLONG_FINISH_*
  std::vector<int32_t> outcomes;        // GOLONG_SCORED, ...
  std::vector<uint32_t> group_tasks;    // [groups] index into tasks
  std::vector<std::string> tasks;       // normalisation keys
};

// Not thread-safe.
class Normalizer {
 public:
  Normalizer(const Plugin& plugin, const Settings& settings) : instance_(plugin, settings) {}

  // Throws Error that names the plugin and, where there is one, the response. Advantages of responses that are not
  // scored are 0, whatever the plugin wrote. `metrics` receives its named numbers.
  std::vector<double> compute(const Columns& columns, std::map<std::string, double>& metrics) const;

  // What it keeps from step to step, "" where it keeps nothing.
  std::string save() const;
  void load(const std::string& state) const;

  const Plugin& plugin() const { return instance_.plugin(); }

 private:
  Instance instance_;
};

}  // namespace golong::plugin
