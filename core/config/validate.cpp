#include "core/config/validate.h"

#include <algorithm>
#include <filesystem>

#include "core/base/error.h"
#include "core/base/file_patterns.h"
#include "core/base/mistakes.h"
#include "core/base/nearest.h"
#include "core/config/toml_text.h"

namespace golong {
namespace {

void validate_train(Mistakes& mistakes, const Config& config) {
  const TrainConfig& train = config.train;
  const auto wrong = [&](const std::string& key, const auto&... parts) {
    mistakes.in([&] { fail(name_of(config, key), ": ", parts...); });
  };
  if (train.mini_batch_prompts > 0 && train.prompts_per_step % train.mini_batch_prompts != 0) {
    wrong("train.mini_batch_prompts", "expected a number that divides train.prompts_per_step (", train.prompts_per_step,
          "), or 0 for all of them; found ", train.mini_batch_prompts);
  }
  if (train.dual_clip != 0 && train.dual_clip <= 1) {
    wrong("train.dual_clip", "expected a number above 1, or 0 for none; found ", toml_number(train.dual_clip));
  }
  if (train.filter_groups && train.generation_prompts > 0 &&
      train.generation_prompts <
          (train.prompts_per_step + train.max_generation_batches - 1) / train.max_generation_batches) {
    wrong("train.generation_prompts", train.generation_prompts, " prompts drawn at most ", train.max_generation_batches,
          " times (train.max_generation_batches) can never fill a step of ", train.prompts_per_step,
          " (train.prompts_per_step)");
  }
  for (const std::string& stop : config.rollout.stop) {
    if (stop.empty()) wrong("rollout.stop", "expected texts that are not empty; an empty one ends every response");
  }
  if (train.keep_surplus && !train.filter_groups) {
    wrong("train.keep_surplus",
          "without train.filter_groups a step draws exactly its prompts and leaves nothing over; "
          "set train.filter_groups = true or train.keep_surplus = false");
  }
  if (!train.reference_model.empty() && train.kl.estimator == "none") {
    wrong("train.reference_model",
          "nothing would use it while train.kl.estimator is \"none\"; choose an estimator "
          "(\"k3\", say) or leave the model out");
  }
  if (train.overlong.buffer_tokens > config.rollout.max_response_tokens) {
    wrong("train.overlong.buffer_tokens", "expected at most rollout.max_response_tokens (",
          config.rollout.max_response_tokens, "), found ", train.overlong.buffer_tokens);
  }
  const RolloutCorrectionConfig& correction = train.rollout_correction;
  if (correction.mode != "truncate" && correction.lower > correction.upper) {
    wrong("train.rollout_correction.lower", "expected at most train.rollout_correction.upper (",
          toml_number(correction.upper), "), found ", toml_number(correction.lower));
  }
}

// Only what is saved can be kept, and only what is measured can be the best.
void validate_checkpoint(const Config& config) {
  const std::string& metric = config.checkpoint.keep_best_metric;
  if (metric.empty()) return;
  const std::string start = name_of(config, "checkpoint.keep_best_metric") + ": ";
  const int64_t saved = config.checkpoint.every, measured = config.eval.every;
  if (saved == 0) {
    fail(start,
         "with checkpoint.every = 0 the last step alone is saved, and nothing can be chosen; set it to 1 or more");
  }
  if (!metric.starts_with("eval/")) return;
  if (config.data.eval.empty() || measured == 0) {
    fail(start, metric, " is measured on data.eval every eval.every steps; set both");
  }
  if (measured % saved != 0) {
    fail(start, metric, " is measured every ", measured, " steps (eval.every) and every ", saved,
         " steps are saved (checkpoint.every), so that the best may be lost; make eval.every a multiple of "
         "checkpoint.every");
  }
}

void check_files(const Config& config, const std::string& key, const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    if (row_files(file).empty()) {
      fail(name_of(config, key), ": ", why_no_row_files(file));
    }
  }
}

void need_files(const Config& config, const std::string& key, const std::vector<std::string>& files) {
  if (files.empty()) {
    fail(name_of(config, key), ": expected at least one file of rows; set it in the config or with --set ", key,
         "=rows.jsonl");
  }
  check_files(config, key, files);
}

std::vector<std::string> ids(const plugin::Registry& registry, plugin::Kind kind) {
  std::vector<std::string> found;
  for (const plugin::Plugin& plugin : registry.plugins()) {
    if (plugin.kind == kind) found.push_back(plugin.id);
  }
  return found;
}

// `key` holds or is the id of a plugin.
void check_id(const Config& config, const plugin::Registry& registry, plugin::Kind kind, const std::string& key,
              const std::string& id) {
  if (registry.has(kind, id)) return;
  const std::vector<std::string> candidates = ids(registry, kind);
  const std::string hint = did_you_mean(id, candidates);
  fail(name_of(config, key), ": there is no ", plugin::name(kind), " plugin \"", id, "\"",
       hint.empty() ? "; `golong plugin list` shows those that were found" : hint);
}

void check_rates(const Config& config, const std::string& table, double lowest, double highest) {
  if (lowest <= highest) return;
  fail(name_of(config, table + ".min_learning_rate"), ": expected at most ", table, ".learning_rate (",
       toml_number(highest), "), found ", toml_number(lowest));
}

// Of the tables [train] and [sft].
template <class Section>
void check_recompute(const Config& config, const std::string& table, const Section& section) {
  const bool bytes = section.activation_bytes > 0, automatic = section.recompute == "auto";
  if (bytes == automatic) return;
  const std::string key = table + ".activation_bytes";
  if (automatic)
    fail(name_of(config, key), ": ", table, ".recompute = \"auto\" needs to know how many bytes there are");
  fail(name_of(config, key), ": nothing would use it while ", table, ".recompute is \"", section.recompute, "\"; set ",
       table, ".recompute = \"auto\" or leave it out");
}

void check_tables(Mistakes& mistakes, const Config& config, const plugin::Registry& registry, plugin::Kind kind,
                  const PluginSettings& tables) {
  for (const auto& [id, settings] : tables) {
    mistakes.in([&, &id = id, &settings = settings] {
      check_id(config, registry, kind, plugin::plural(kind) + ("." + toml_key(id)), id);
      plugin::check_settings(registry.find(kind, id), settings);
    });
  }
}

}  // namespace

void validate(const Config& config) {
  Mistakes mistakes;
  validate_train(mistakes, config);
  mistakes.in([&] { validate_checkpoint(config); });
  mistakes.in([&] { check_recompute(config, "train", config.train); });
  mistakes.in([&] { check_recompute(config, "sft", config.sft); });
  mistakes.in([&] { check_rates(config, "train", config.train.min_learning_rate, config.train.learning_rate); });
  mistakes.in([&] { check_rates(config, "sft", config.sft.min_learning_rate, config.sft.learning_rate); });
  mistakes.in([&] {
    const auto& weights = config.data.task_weights;
    if (!weights.empty() && std::all_of(weights.begin(), weights.end(), [](const auto& w) { return w.second == 0; })) {
      fail(name_of(config, "data.task_weights"), ": all weights are 0, so no prompt could be drawn");
    }
  });
  mistakes.raise();
}

void check_purpose(const Config& config, Purpose purpose) {
  std::error_code error;
  if (config.model.path.empty()) {
    fail(name_of(config, "model.path"),
         ": expected a Hugging Face folder; set it in the config or with --set "
         "model.path=FOLDER");
  }
  if (!std::filesystem::is_directory(config.model.path, error)) {
    fail(name_of(config, "model.path"), ": there is no folder ", config.model.path, relative_to_here());
  }
  const std::string& reference = config.train.reference_model;
  if (purpose == Purpose::train && !reference.empty() && !std::filesystem::is_directory(reference, error)) {
    fail(name_of(config, "train.reference_model"), ": there is no folder ", reference, relative_to_here());
  }
  if (purpose != Purpose::eval) need_files(config, "data.train", config.data.train);
  if (purpose == Purpose::eval || config.eval.every > 0) need_files(config, "data.eval", config.data.eval);
  check_files(config, "data.eval", config.data.eval);
}

void check_plugins(const Config& config, const plugin::Registry& registry) {
  using plugin::Kind;
  Mistakes mistakes;
  const auto check = [&](Kind kind, const std::string& key, const std::string& id) {
    mistakes.in([&] { check_id(config, registry, kind, key, id); });
  };
  check_tables(mistakes, config, registry, Kind::task, config.task_settings);
  check_tables(mistakes, config, registry, Kind::reward, config.reward_settings);
  check_tables(mistakes, config, registry, Kind::normalizer, config.normalizer_settings);
  check(Kind::normalizer, "train.normalizer", config.train.normalizer);
  for (const auto& [source, route] : config.routes) {
    const std::string name = "routes." + toml_key(source);
    if (!route.task.empty()) check(Kind::task, name + ".task", route.task);
    if (!route.reward.empty()) check(Kind::reward, name + ".reward", route.reward);
  }
  for (const auto& [task, reward] : config.task_rewards) {
    check(Kind::reward, "tasks." + toml_key(task) + ".reward", reward);
  }
  for (const auto& [task, weight] : config.data.task_weights) {
    check(Kind::task, "data.task_weights." + toml_key(task), task);
  }
  mistakes.raise();
}

}  // namespace golong
