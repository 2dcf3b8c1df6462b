#include "core/plugin/normalize.h"

#include <array>
#include <cassert>
#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace golong::plugin {
namespace {

void take_metric(void* context, golong_string name, double value) {
  auto& metrics = *static_cast<std::map<std::string, double>*>(context);
  if (name.data) metrics[std::string(name.data, name.size)] = value;
}

void check(const Plugin& plugin, const NormalizerBatch& batch, const std::vector<double>& advantages) {
  for (size_t i = 0; i < advantages.size(); ++i) {
    const auto blame = [&](const std::string& what) {
      fail("normalizer ", plugin.id, " (", plugin.library.string(), "): response ", i, " of group ", batch.groups[i],
           " ", what);
    };
    // Advantages start as NaN, so that one that was left out shows.
    if (std::isnan(advantages[i])) blame("got no advantage, or NaN");
    if (!std::isfinite(advantages[i])) blame("got an infinite advantage");
    if (batch.outcomes[i] != GOLONG_SCORED && advantages[i] != 0) {
      blame("was not scored and must get advantage 0, but got " + std::to_string(advantages[i]));
    }
  }
}

}  // namespace

NormalizerResult normalize(const Instance& normalizer, const NormalizerBatch& batch) {
  const size_t responses = batch.rewards.size();
  assert(batch.groups.size() == responses && batch.lengths.size() == responses);
  assert(batch.finish_reasons.size() == responses && batch.outcomes.size() == responses);
  std::vector<golong_string> tasks;
  for (const std::string& task : batch.tasks) tasks.push_back({task.data(), task.size()});
  const golong_batch columns{sizeof(golong_batch),
                             0,
                             responses,
                             batch.rewards.data(),
                             batch.groups.data(),
                             batch.lengths.data(),
                             batch.finish_reasons.data(),
                             batch.outcomes.data(),
                             batch.group_tasks.size(),
                             batch.group_tasks.data(),
                             tasks.size(),
                             tasks.data()};
  NormalizerResult result;
  result.advantages.assign(responses, std::numeric_limits<double>::quiet_NaN());
  const golong_metric_sink sink{&result.metrics, take_metric};
  std::array<char, 1024> message{};
  golong_error error{sizeof error, message.size(), message.data()};
  const golong_status status =
      normalizer.normalizer().compute(normalizer.get(), &columns, result.advantages.data(), &sink, &error);
  const Plugin& plugin = normalizer.plugin();
  if (status != GOLONG_OK) {
    message.back() = 0;
    fail("normalizer ", plugin.id, " (", plugin.library.string(),
         ") failed: ", message[0] ? message.data() : "it gives no reason");
  }
  check(plugin, batch, result.advantages);
  return result;
}

}  // namespace golong::plugin
