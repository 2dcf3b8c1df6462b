#include "core/train/resume_rules.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "core/base/error.h"
#include "core/report/log.h"

namespace golong {
namespace {

// What the state in a checkpoint is of, whatever the files say.
const std::vector<std::string> kFixed{"model.dtype", "train.seed", "data.shuffle", "data.task_weights"};

// How long a run is, where it writes to and what it keeps: no step computes anything else.
const std::vector<std::string> kWithoutEffect{"run.directory", "data.cache", "train.steps",
                                              "train.epochs",  "checkpoint", "report"};

// Whether `key` is one of these, or stands in one of these tables.
bool is_of(const std::string& key, const std::vector<std::string>& names) {
  return std::ranges::any_of(names, [&](const std::string& name) {
    return key.starts_with(name) && (key.size() == name.size() || key[name.size()] == '.');
  });
}

std::vector<Difference> those_of(const std::vector<Difference>& changes, const std::vector<std::string>& names) {
  std::vector<Difference> found;
  std::ranges::copy_if(changes, std::back_inserter(found), [&](const Difference& d) { return is_of(d.key, names); });
  return found;
}

}  // namespace

void check_fixed_keys(const std::vector<Difference>& changes) {
  const std::vector<Difference> fixed = those_of(changes, kFixed);
  if (fixed.empty()) return;
  fail(
      "a run cannot go on with another value of these keys than it began with; set them back, or begin a new run in "
      "another run.directory:",
      as_lines(fixed));
}

std::string possible_causes(const std::vector<Difference>& changes, const std::vector<std::string>& keys) {
  const std::vector<Difference> causes = those_of(changes, keys);
  if (!causes.empty()) return "\nWhat is another than in the run's checkpoint:" + as_lines(causes);
  std::string names;
  for (const std::string& key : keys) names += (names.empty() ? "" : ", ") + key;
  return "\nNone of " + names + " changed since the checkpoint: what their files hold did.";
}

void log_changes(const std::vector<Difference>& changes) {
  for (const Difference& change : changes) {
    if (is_of(change.key, kWithoutEffect)) {
      log::info("going on with another ", to_string(change));
    } else {
      log::warning("going on with another configuration than the run had: ", to_string(change));
    }
  }
}

}  // namespace golong
