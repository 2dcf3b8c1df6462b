// The door of libgolong_engine: what the command and the Python module call. No LibTorch types, so that both start
// without it and load the engine only when it is needed (core/cli/engine.h).
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/config/config.h"
#include "core/parallel/rank.h"
#include "core/plugin/registry.h"

namespace golong {

// What a step did, for callbacks: the metrics of metrics.jsonl by name.
struct StepReport {
  int64_t step = 0;
  std::map<std::string, double> metrics;
};

// Set by a signal handler or a callback: 0 go on, 1 save and stop.
using StopFlag = std::atomic<int>;

struct TrainOptions {
  bool resume = false;
  std::function<bool(const StepReport&)> on_step;  // false: save and stop
  StopFlag* stop = nullptr;                        // set on all ranks where one was asked to stop
};

// How responses are drawn: see core/rollout/sampling.h.
struct SamplingOptions {
  int64_t max_new_tokens = 512;
  double temperature = 1;
  double top_p = 1;
  int64_t top_k = 0;
  double min_p = 0;
  double repetition_penalty = 1;
  std::vector<std::string> stop;  // texts that end a response
  uint64_t seed = 0;
};

// A model that generates.
struct GeneratorOptions {
  std::string model;
  std::string dtype = "float32";
  std::string device = "cpu";
  std::string chat_template = ModelConfig().chat_template;
  bool batch_invariant = false;  // as rollout.batch_invariant
  SamplingOptions sampling;
};

// `golong generate`: see core/train/generate.h.
struct GenerateOptions : GeneratorOptions {
  std::string input, output;
  int64_t n = 1;
  bool raw = false;
  bool logprobs = false;
};

// `golong logprobs`: see core/train/logprobs.h.
struct LogprobsOptions {
  std::string model, input, output;
  std::string dtype;  // "": as config.json says
  std::string device = "cpu";
};

// `golong chat`: see core/train/chat.h.
struct ChatOptions : GeneratorOptions {
  std::string system;    // "": none
  std::string document;  // stands before the first question
  bool thinking = true;
};
struct ChatTerminal {
  std::function<std::optional<std::string>()> read;  // what the user says; none: the end
  std::function<void(const std::string&)> write;     // a piece of the answer, whole characters
  std::function<void(const std::string&)> end;       // the answer has come to its end; what is to be said of it
  StopFlag* stop = nullptr;                          // ends the answer
};

// What both benchmarks of a model take. 0 threads: all cores.
struct EngineBenchOptions {
  std::string model;  // fresh weights where the folder has none
  std::string dtype = "float32";
  std::string device = "cpu";
  int64_t prompt_tokens = 2048, n = 16, groups = 1, repetitions = 3, threads = 0;
};

// `golong bench rollout`: see core/rollout/benchmark.h.
struct RolloutBenchOptions : EngineBenchOptions {
  int64_t new_tokens = 128;
  int64_t expert = 1;  // as parallel.expert; all other ranks are replicas
};

// `golong bench train`: see core/train/benchmark.h.
struct TrainBenchOptions : EngineBenchOptions {
  int64_t response_tokens = 128;
  int64_t micro_batch_tokens = 16384;
  bool share_prefix = true;
  std::string recompute = TrainConfig().recompute;
  int64_t activation_bytes = 0;
  std::string optimizer_device = TrainConfig().optimizer_device;
  std::string batch;           // file in place of random tokens
  std::string dump_gradients;  // file; of one process
  ParallelConfig parallel;     // the mesh of the ranks that are measured together
};

// `golong bench device`: see core/train/device_benchmark.h.
struct DeviceBenchOptions {
  std::string dtype = "float32";
  std::string device = "cpu";
  int64_t threads = 0;  // 0: all cores
};

struct EngineApi {
  parallel::Rank (*rank)();  // of this process, as its environment says
  // GRPO. Returns the last step that was done.
  int64_t (*train)(const Config&, std::shared_ptr<const plugin::Registry>, const TrainOptions&);
  // Supervised training on gold answers; writes a Hugging Face folder to `output`.
  void (*sft)(const Config&, std::shared_ptr<const plugin::Registry>, const std::string& output,
              const std::string& dtype, StopFlag*);
  // Measures the model of the config (or of its newest checkpoint) on data.eval; returns the JSON of summary "after".
  std::string (*evaluate)(const Config&, std::shared_ptr<const plugin::Registry>, const std::string& model, StopFlag*);
  // Writes a checkpoint as a Hugging Face folder.
  void (*export_checkpoint)(const Config&, const std::string& checkpoint, const std::string& output);
  // Makes a model with fresh weights from a config.json.
  void (*make_model)(const std::string& config_json, const std::string& output, uint64_t seed);
  void (*logprobs)(const LogprobsOptions&, StopFlag*);
  // Responses to the prompts of a file; returns how many rows have some.
  int64_t (*generate)(const GenerateOptions&, StopFlag*);
  void (*chat)(const ChatOptions&, const ChatTerminal&);
  std::string (*bench_rollout)(const RolloutBenchOptions&);  // JSON
  std::string (*bench_train)(const TrainBenchOptions&);      // JSON; "" of other ranks than the first
  std::string (*bench_device)(const DeviceBenchOptions&);    // JSON; "" of other ranks than the first
  std::string (*describe)();  // LibTorch's version, devices, threads: for `golong doctor`
};

}  // namespace golong

// Exported by libgolong_engine.so.
extern "C" const golong::EngineApi* golong_engine();
