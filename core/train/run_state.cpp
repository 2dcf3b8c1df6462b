#include "core/train/run_state.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

#include <sstream>
#include <utility>

#include "core/base/error.h"
#include "core/base/version.h"
#include "core/nn/device.h"
#include "core/report/log.h"
#include "core/score/group_bytes.h"
#include "core/train/resume_rules.h"

namespace golong {
namespace {

// What the bits of a run depend on beside its config and data.
std::string versions(const plugin::Registry& registry, at::Device device) {
  std::ostringstream text;
  text << "golong " << version << "\n";
  for (const plugin::Plugin& plugin : registry.plugins()) {
    text << plugin::name(plugin.kind) << " " << plugin.id << " " << plugin.descriptor->version << "\n";
  }
  text << "LibTorch " << TORCH_VERSION << ", " << at::get_num_threads() << " threads, " << at::get_cpu_capability()
       << "\n";
  if (!device.is_cpu()) text << nn::describe(device) << "\n";
  return text.str();
}

// Texts of a snapshot by name.
class Texts {
 public:
  explicit Texts(const Snapshot& snapshot) : snapshot_(snapshot) {}
  bool has(const char* name) const { return snapshot_.texts.contains(name); }
  const std::string& operator()(const char* name) const {
    auto found = snapshot_.texts.find(name);
    if (found == snapshot_.texts.end()) fail("the checkpoint of step ", snapshot_.step, " has no file ", name);
    return found->second;
  }

 private:
  const Snapshot& snapshot_;
};

// Calls the function; what it fails of may be a change of these keys, and the message says so.
template <class Function>
void explained(const std::vector<Difference>& changes, const std::vector<std::string>& keys, const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    fail(error.what(), possible_causes(changes, keys));
  }
}

}  // namespace

StoredStates states_to_store(const Model& model, const AdamW& optimizer, const ShardedStates* states) {
  StoredStates stored;
  if (states && !states->is_first_replica()) return stored;
  stored.optimizer = optimizer.state();
  if (!states) {
    for (const auto& [name, tensor] : model.parameters()) stored.weights.emplace_back(name, tensor.detach());
    return stored;
  }
  for (const parallel::Piece& piece : states->pieces()) {
    stored.weights.push_back(stored_part(piece.name, piece.weight, piece.offset, piece.size));
  }
  return stored;
}

void restore_weights(Model& model, ShardedStates* states, const Pieces& stored) {
  if (!states) return load_weights(model, stored);
  for (const parallel::Piece& piece : states->pieces()) stored.read(piece.name, piece.offset, piece.size, piece.weight);
  states->spread_weights();
}

Snapshot RunState::take(int64_t step, const Metrics& metrics) const {
  Snapshot snapshot;
  snapshot.step = step;
  snapshot.metrics = metrics;
  StoredStates stored = states_to_store(*work.model, learner.optimizer(), states);
  snapshot.weights = std::move(stored.weights);
  snapshot.optimizer = std::move(stored.optimizer);
  const Collector::State state = collector.state();
  snapshot.texts = {{"sampler.json", state.draws},
                    {"normalizer.state", normalizer.save()},
                    {"normalizer.id", config.train.normalizer},
                    {"optimizer_steps", std::to_string(learner.optimizer().steps())},
                    {"skipped_updates", std::to_string(learner.skipped_in_a_row())},
                    {"run.toml", config.to_toml()},
                    {"versions.txt", versions(*work.registry, work.model->device())},
                    {"config.json", work.model->shape().json}};
  if (reference.model) snapshot.texts["reference.fingerprint"] = reference.fingerprint;
  if (config.train.keep_surplus) snapshot.texts["surplus.groups"] = encode_groups(state.surplus);
  return snapshot;
}

void RunState::restore(const Snapshot& snapshot) const {
  const Texts text(snapshot);
  const std::vector<Difference> changes = differences(text("run.toml"), config.to_toml(), "the checkpoint's run.toml");
  check_fixed_keys(changes);
  explained(changes, {"model.path"}, [&] { restore_weights(*work.model, states, Pieces(snapshot.weights)); });
  learner.optimizer().load(Pieces(snapshot.optimizer), std::stoll(text("optimizer_steps")));
  if (text.has("skipped_updates")) learner.go_on_after_skipped(std::stoll(text("skipped_updates")));
  if (text.has("reference.fingerprint")) {
    explained(changes, {"train.reference_model", "model.path"},
              [&] { check_reference(config, reference, text("reference.fingerprint")); });
  }
  std::vector<Group> surplus;
  if (config.train.keep_surplus && text.has("surplus.groups")) surplus = decode_groups(text("surplus.groups"));
  explained(changes, {"data.train", "data.max_prompt_tokens", "model.path"}, [&] {
    collector.restore({text("sampler.json"), std::move(surplus)});
  });
  log_changes(changes);
  if (text("normalizer.id") == config.train.normalizer) {
    normalizer.load(text("normalizer.state"));
  } else {
    log::warning("the run had normalizer ", text("normalizer.id"), ", whose state ", config.train.normalizer,
                 " does not take over");
  }
  if (text("versions.txt") != versions(*work.registry, work.model->device())) {
    log::warning(
        "golong, LibTorch, a plugin, the number of threads, the kind of processor or the GPU is another than when the "
        "checkpoint of "
        "step ",
        snapshot.step, " was written (its versions.txt); what follows may differ from the run without a break");
  }
}

}  // namespace golong
