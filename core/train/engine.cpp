// The door of the library (api.h): each function checks what it needs and hands on.
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>

#include <boost/json.hpp>
#include <filesystem>
#include <sstream>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_writer.h"
#include "core/checkpoint/checkpoint.h"
#include "core/eval/evaluate.h"
#include "core/nn/device.h"
#include "core/report/progress.h"
#include "core/rollout/options.h"
#include "core/train/api.h"
#include "core/train/benchmark.h"
#include "core/train/chat.h"
#include "core/train/device_benchmark.h"
#include "core/train/generate.h"
#include "core/train/grpo.h"
#include "core/train/logprobs.h"
#include "core/train/rollout_benchmark.h"
#include "core/train/sft.h"
#include "core/train/workspace.h"

namespace golong {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

// Writes a checkpoint's weights with the model's config and tokenizer as a Hugging Face folder.
void export_checkpoint(const Config& config, const std::string& checkpoint, const std::string& output) {
  if (!fs::exists(fs::path(checkpoint) / "manifest.json")) {
    std::string hint = "expected a folder such as runs/demo/checkpoints/step-00000100";
    for (const char* below : {"checkpoints", "."}) {
      if (!fs::is_directory(fs::path(checkpoint) / below)) continue;
      const std::vector<fs::path> found = CheckpointStore(fs::path(checkpoint) / below).list();
      if (!found.empty()) hint = "did you mean " + found.back().lexically_normal().string() + "?";
    }
    fail("--checkpoint ", checkpoint, " is no checkpoint; ", hint);
  }
  Snapshot snapshot = read_checkpoint(checkpoint);
  auto shape = snapshot.texts.find("config.json");
  if (shape == snapshot.texts.end()) fail(checkpoint, ": the checkpoint has no file config.json");
  if (!fs::exists(fs::path(config.model.path) / "tokenizer.json")) {
    fail("model.path = \"", config.model.path,
         "\" has no tokenizer.json, which belongs into the folder: run the command ",
         "where the run was started, or set model.path");
  }
  std::error_code unknown;  // a folder that is not there is not the same one
  if (fs::equivalent(config.model.path, output, unknown)) {
    fail("--output ", output, " is model.path itself, whose weights would be lost; choose another folder");
  }
  const Pieces stored(snapshot.weights);
  NamedTensors weights;
  for (const std::string& name : stored.names()) weights.emplace_back(name, stored.whole(name));
  write_model_folder(output, weights, weights.at(0).second.scalar_type(), shape->second, config.model.path);
}

// The folder to measure: the one that was named, else the weights of the run's newest checkpoint over model.path.
std::string evaluate_model(const Config& config, std::shared_ptr<const plugin::Registry> registry,
                           const std::string& model, StopFlag* stop) {
  Workspace work = Workspace::open(config, std::move(registry));
  std::string measured = config.model.path;
  fs::path checkpoints = fs::path(config.run.directory) / "checkpoints";
  if (model.empty() && fs::is_directory(checkpoints)) {
    if (std::optional<Snapshot> newest = CheckpointStore(checkpoints).load_newest()) {
      load_weights(*work.model, Pieces(newest->weights));
      measured = checkpoints.string() + ", step " + std::to_string(newest->step);
    }
  }
  std::shared_ptr<const Dataset> rows = work.dataset(config, config.data.eval);
  RolloutEngine engine(*work.model, engine_options(config.rollout));
  Scorer scorer(config, work.registry);
  Progress progress("evaluate", static_cast<int64_t>(rows_to_measure(*rows, config.eval).size()));
  Answerer answerer(engine, scorer, work.tokenizer);
  Evaluation evaluation = evaluate(
      answerer, *rows, work.tokenizer, work.stop_ids, config, 0, [stop] { return stop_asked(stop); },
      [&](size_t done) { progress.update(static_cast<int64_t>(done)); });
  json::object after, errors, counts, parsed, not_scored;
  for (const auto& [task, score] : evaluation.tasks) {
    after[task] = score.mean;
    errors[task] = score.standard_error ? json::value(*score.standard_error) : json::value(nullptr);
    counts[task] = score.count;
  }
  for (const auto& [task, share] : evaluation.parsed) parsed[task] = share;
  for (const auto& [task, share] : evaluation.not_scored) not_scored[task] = share;
  return to_json(json::object{
      {"model", measured},
      {"seed", config.eval.seed},
      {"after", after},
      {"standard_error", errors},
      {"count", counts},
      {"parsed", parsed},
      {"not_scored", not_scored},
      {"mean", evaluation.tasks.empty() ? json::value(nullptr) : json::value(mean_over_tasks(evaluation.tasks))}});
}

void make_fresh_model(const std::string& config_json, const std::string& output, uint64_t seed) {
  ModelShape shape = read_shape(config_json);
  fs::path source = fs::is_directory(config_json) ? fs::path(config_json) : fs::path(config_json).parent_path();
  save_model(*make_model(shape, at::kFloat, at::kCPU, seed), output, at::kFloat, source);
}

std::string describe() {
  std::ostringstream text;
  const std::string devices = nn::describe_cuda_devices();
  text << "LibTorch " << TORCH_VERSION << ", " << at::get_num_threads() << " threads, "
       << (devices.empty() ? "CPU, no CUDA device" : "CPU; CUDA: " + devices);
  return text.str();
}

constexpr EngineApi kApi{parallel::rank_from_environment,
                         run_grpo,
                         run_sft,
                         evaluate_model,
                         export_checkpoint,
                         make_fresh_model,
                         write_logprobs,
                         write_responses,
                         chat,
                         bench_rollout,
                         bench_train,
                         bench_device,
                         describe};

}  // namespace
}  // namespace golong

extern "C" __attribute__((visibility("default"))) const golong::EngineApi* golong_engine() { return &golong::kApi; }
