#include "core/plugin/normalizer.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <limits>

#include "core/base/error.h"
#include "core/plugin/call.h"

namespace golong::plugin {
namespace {

// As metrics are named in files (paper E.4).
std::string metric_name(golong_string raw) {
  std::string name = copy(raw);
  std::replace(name.begin(), name.end(), ' ', '_');
  std::replace(name.begin(), name.end(), '.', '-');
  return name;
}

}  // namespace

std::vector<double> Normalizer::compute(const Columns& columns, std::map<std::string, double>& metrics) const {
  size_t count = columns.rewards.size();
  assert(columns.groups.size() == count && columns.lengths.size() == count);
  assert(columns.finish_reasons.size() == count && columns.outcomes.size() == count);
  assert(std::all_of(columns.groups.begin(), columns.groups.end(),
                     [&](uint32_t group) { return group < columns.group_tasks.size(); }));
  assert(std::all_of(columns.group_tasks.begin(), columns.group_tasks.end(),
                     [&](uint32_t task) { return task < columns.tasks.size(); }));
  std::vector<golong_string> tasks;
  for (const std::string& task : columns.tasks) tasks.push_back(view(task));
  golong_batch batch{};
  batch.struct_size = sizeof batch;
  batch.response_count = count;
  batch.rewards = columns.rewards.data();
  batch.groups = columns.groups.data();
  batch.lengths = columns.lengths.data();
  batch.finish_reasons = columns.finish_reasons.data();
  batch.outcomes = columns.outcomes.data();
  batch.group_count = columns.group_tasks.size();
  batch.group_tasks = columns.group_tasks.data();
  batch.task_count = tasks.size();
  batch.tasks = tasks.data();
  std::map<std::string, double> named;
  golong_metric_sink sink{&named, [](void* context, golong_string name, double value) {
                            (*static_cast<std::map<std::string, double>*>(context))[metric_name(name)] = value;
                          }};
  // NaN where the plugin writes nothing: a missing advantage is found like a wrong one. What stands behind the end
  // finds a plugin that writes too many.
  constexpr size_t behind = 64;
  constexpr double untouched = -12345.678;
  std::vector<double> advantages(count, std::numeric_limits<double>::quiet_NaN());
  advantages.resize(count + behind, untouched);
  call(instance_, "compute", [&](golong_error* error) {
    return instance_.normalizer().compute(instance_.get(), &batch, advantages.data(), &sink, error);
  });
  if (std::any_of(advantages.begin() + static_cast<std::ptrdiff_t>(count), advantages.end(),
                  [](double value) { return value != untouched; })) {
    fail("normalizer ", plugin().id, " wrote more than the ", count, " advantages that it was asked for");
  }
  advantages.resize(count);
  for (size_t i = 0; i < count; ++i) {
    if (columns.outcomes[i] != GOLONG_SCORED) {
      advantages[i] = 0;
    } else if (!std::isfinite(advantages[i])) {
      fail("normalizer ", plugin().id, " gave the advantage ", advantages[i], " to response ", i, " (reward ",
           columns.rewards[i], ", task ", columns.tasks[columns.group_tasks[columns.groups[i]]],
           "); a finite number is expected for each scored response");
    }
  }
  for (const auto& [name, value] : named) {
    if (!std::isfinite(value)) fail("normalizer ", plugin().id, " gave the metric ", name, " the value ", value);
    metrics[name] = value;
  }
  return advantages;
}

std::string Normalizer::save() const {
  std::string state;
  const auto* functions = static_cast<const golong_normalizer_state*>(instance_.extension(GOLONG_NORMALIZER_STATE));
  if (functions) {
    golong_sink out = sink(state);
    call(instance_, "save", [&](golong_error* error) { return functions->save(instance_.get(), &out, error); });
  }
  return state;
}

void Normalizer::load(const std::string& state) const {
  const auto* functions = static_cast<const golong_normalizer_state*>(instance_.extension(GOLONG_NORMALIZER_STATE));
  if (!functions && state.empty()) return;
  if (!functions) fail("normalizer ", plugin().id, " keeps no state, but the checkpoint holds some for it");
  call(instance_, "load", [&](golong_error* error) { return functions->load(instance_.get(), view(state), error); });
}

}  // namespace golong::plugin
