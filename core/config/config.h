// Every key that a user can set, as typed structs with defaults. Read this to know what golong can be told.
//
// Each struct has one `describe(visitor, struct)` in config/schema.h that names its keys, help texts and ranges; from
// it come the parser, `golong config show`, the checks and docs/reference/config.md. No LibTorch.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/plugin/registry.h"

namespace golong {

struct PluginsConfig {
  std::vector<std::string> path;  // libraries or folders, searched first
};

struct ModelConfig {
  std::string path;               // Hugging Face folder
  std::string dtype = "float32";  // "float32" | "bfloat16"
  std::string chat_template = "qwen3_thinking";
  std::string device = "cpu";  // "cpu" | "cuda" | "cuda:1"
  bool deterministic = false;  // on CUDA: the same bits each time
};

struct DataConfig {
  std::vector<std::string> train;      // names that row_files() reads
  std::vector<std::string> eval;       // likewise
  int64_t max_prompt_tokens = 163840;  // longer prompts are dropped and counted
  bool shuffle = true;
  std::map<std::string, double> task_weights;  // task id -> relative share; empty: as in the data
  std::string cache = ".cache/golong";         // token counts
};

struct RouteConfig {  // [routes."source"]
  std::string task;
  std::string reward;
};

struct RolloutConfig {
  int64_t n = 16;  // responses of a group
  int64_t max_response_tokens = 16384;
  double temperature = 1.0;
  double top_p = 1.0;
  int64_t top_k = 0;                    // 0: all
  double min_p = 0;                     // of the highest probability; 0: all
  double repetition_penalty = 1;        // 1: none
  std::vector<std::string> stop;        // texts that end a response
  int64_t max_running_responses = 256;  // decoded together
  int64_t prefill_chunk_tokens = 0;     // 0: by device
  int64_t kv_cache_bytes = 0;           // 0: half of the machine's memory, a third of a CUDA device's
  bool share_prefixes = true;
  bool batch_invariant = false;
};

struct RewardsConfig {
  std::string mode = "released";         // "released" | "strict": default of every reward's `mode`
  bool gate = true;                      // responses without exactly one </think> score 0
  double deadline_seconds = 5.0;         // for one response, from when its scoring starts
  int64_t threads = 0;                   // 0: all cores
  int64_t max_hung_calls = 8;            // that ignore their deadline; with as many at a time the run stops
  int64_t isolate_memory_mb = 4096;      // address space of a worker process of an isolated reward; 0: no limit
  std::optional<double> timeout_reward;  // unset: left out of the statistics
  std::optional<double> error_reward;
};

struct RolloutCorrectionConfig {  // paper A.7
  std::string mode = "none";      // "none" | "clip" | "mask" | "truncate", see train/loss.h
  std::string level = "token";    // "token" | "sequence" | "geometric": what one weight is the ratio of
  double upper = 5.0;
  double lower = 0.5;
  double veto = 1e-4;  // 0: none
};

struct RatioClip {  // a probability ratio is clipped to [1 - low, 1 + high]
  double clip_low = 0;
  double clip_high = 0;
};

struct KlConfig {                  // the penalty for leaving the reference model
  std::string estimator = "none";  // "none" | "k1" | "k2" | "k3"
  double coefficient = 0.001;
};

struct OverlongConfig {
  bool filter = false;        // responses that the length limit ended get no loss
  int64_t buffer_tokens = 0;  // before the limit, over which the penalty rises; 0: no penalty
  double penalty = 1.0;       // at the limit
};

struct TrainConfig {
  std::string normalizer = "tmn_reweight";
  std::string norm_key = "metric";  // "metric" | "task"
  int64_t seed = 0;
  int64_t steps = 0;  // 0: as `epochs` gives
  int64_t epochs = 1;
  int64_t prompts_per_step = 128;          // groups in one update
  int64_t mini_batch_prompts = 0;          // groups in one optimizer step; 0: all
  int64_t updates_per_batch = 1;           // passes over the batch (ppo_epochs)
  int64_t micro_batch_tokens = 16384;      // packed tokens of one forward and backward
  bool share_prefix = true;                // compute each prompt once for its group
  std::string recompute = "off";           // "off" | "all" | "auto": layers that run again in the backward pass
  int64_t activation_bytes = 0;            // of "auto": what the layers of a micro-batch may keep
  std::string optimizer_device = "model";  // "model" | "cpu": where AdamW's state lies and is updated
  bool filter_groups = true;               // drop groups whose rewards do not differ, draw more
  bool keep_surplus = false;               // groups beyond a full batch wait for the next step
  int64_t generation_prompts = 0;          // prompts drawn at a time; 0: four times prompts_per_step
  int64_t max_generation_batches = 32;
  double learning_rate = 2e-6;
  std::string learning_rate_decay = "none";  // after the warm-up: "none" | "linear" | "cosine"
  double min_learning_rate = 0;              // where the decay ends, after the last step
  int64_t warmup_steps = 5;
  double weight_decay = 0.1;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double adam_epsilon = 1e-8;
  double clip_grad_norm = 1.0;
  int64_t max_skipped_updates = 3;  // in a row that are not finite; then the run stops
  std::string loss = "ppo";         // "ppo" | "gspo" | "cispo"
  double clip_low = 0.2;            // of "ppo"; the others have tables of their own
  double clip_high = 0.28;
  double dual_clip = 3.0;                   // of "ppo"; 0: off
  std::string reduction = "sequence_mean";  // "token_mean" | "sequence_mean" | "fixed_length"
  double entropy_coefficient = 0;           // the loss is lowered by this times the entropy
  std::string reference_model;              // Hugging Face folder; empty: model.path
  RatioClip gspo{3e-4, 4e-4};
  RatioClip cispo{1.0, 4.0};
  KlConfig kl;
  OverlongConfig overlong;
  RolloutCorrectionConfig rollout_correction;
};

struct SftConfig {
  int64_t seed = 0;
  int64_t steps = 1000;
  int64_t rows_per_step = 32;
  int64_t micro_batch_tokens = 16384;
  std::string recompute = "off";  // as those of TrainConfig
  int64_t activation_bytes = 0;
  std::string optimizer_device = "model";
  double learning_rate = 1e-3;
  double min_learning_rate = 1e-5;  // cosine decay to this
  int64_t warmup_steps = 100;
  double weight_decay = 0.1;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double clip_grad_norm = 1.0;
  double prompt_loss_weight = 0.0;  // weight of the prompt's own tokens in the loss
  int64_t eval_every = 200;
};

struct EvalConfig {
  int64_t rows_per_task = 0;  // 0: all
  int64_t n = 1;
  double temperature = 0.6;  // the paper's validation sampling
  double top_p = 0.95;
  int64_t top_k = 0;
  double min_p = 0;
  int64_t max_response_tokens = 16384;
  int64_t every = 0;  // steps between evaluations during training; 0: never
  int64_t seed = 0;
};

struct CheckpointConfig {
  int64_t every = 5;                    // steps; 0: only at the end
  int64_t keep = 2;                     // newest kept
  bool background = true;               // written from a copy while training goes on
  int64_t timeout_seconds = 1800;       // for a rank that writes or verifies its files
  int64_t shard_bytes = 5'000'000'000;  // of one file of tensors, as the Hub's
  std::string keep_best_metric;         // name in metrics.jsonl: the best by it is kept, too; "": none
  bool best_is_highest = true;
};

struct ReportConfig {
  bool html = true;
  bool tensorboard = true;       // event files of the metrics, beside metrics.jsonl
  int64_t samples_per_step = 2;  // sample responses kept for the report
};

struct ParallelConfig {  // product = number of ranks
  int64_t replicate = 1;
  int64_t shard = 1;
  int64_t context = 1;
  int64_t expert = 1;
  int64_t zero = 3;  // what is split: 1 optimizer state, 2 gradients, 3 weights, each with those before
  std::string context_method = "gather";  // "gather" | "heads"
  std::string hand_out = "as_free";       // "as_free" | "by_length": prompts to ranks
  int64_t timeout_seconds = 600;
  int64_t heartbeat_seconds = 60;
};

struct RunConfig {
  std::string directory = "runs/default";  // checkpoints, metrics.jsonl, report.html
  int64_t threads = 0;                     // for LibTorch; 0: all cores
};

// Parameters of one plugin, not yet checked: they are when the plugins are known.
using PluginSettings = std::map<std::string, plugin::Settings>;  // plugin id -> settings

struct Config {
  RunConfig run;
  PluginsConfig plugins;
  ModelConfig model;
  DataConfig data;
  RolloutConfig rollout;
  RewardsConfig rewards;
  TrainConfig train;
  SftConfig sft;
  EvalConfig eval;
  CheckpointConfig checkpoint;
  ReportConfig report;
  ParallelConfig parallel;
  std::map<std::string, RouteConfig> routes;        // data_source -> route
  PluginSettings task_settings;                     // [tasks.ID]; the key `reward` is the core's: see task_rewards
  PluginSettings reward_settings;                   // [rewards.ID]; the key `isolate` is the core's: see isolated
  PluginSettings normalizer_settings;               // [normalizers.ID]
  std::map<std::string, std::string> task_rewards;  // [tasks.ID] reward = "..."
  std::map<std::string, bool> isolated;             // [rewards.ID] isolate = true: scored in worker processes

  bool is_isolated(const std::string& reward) const {
    auto found = isolated.find(reward);
    return found != isolated.end() && found->second;
  }

  // Where each key or table that was set stands, for messages: "train.normalizer" -> "demo.toml:3:14", or "--set".
  std::map<std::string, std::string> origins;

  // Reads a TOML file, the files it `extends`, and `overrides` ("train.learning_rate=1e-5", each later one wins).
  // Paths in the file are taken as they stand, relative to the working directory.
  // Throws Error "FILE:LINE:COLUMN: ..." for unknown keys (with the nearest), wrong types, ranges, missing files; a
  // line for each mistake.
  static Config load(const std::filesystem::path& file, const std::vector<std::string>& overrides = {});

  // Defaults and overrides without a file.
  static Config defaults(const std::vector<std::string>& overrides = {});

  // The text of a file without `extends`; `source` is its name in messages.
  static Config parse(const std::string& text, const std::string& source);

  std::string to_toml() const;  // complete and readable by load()
};

// The start of a message about a key: "demo.toml:3:14: train.normalizer", or the key alone where it is a default.
std::string name_of(const Config& config, const std::string& key);

// What a command needs of a config beyond what load() checks, before anything is loaded: files that exist, one rank.
enum class Purpose { train, sft, eval };
void check_purpose(const Config& config, Purpose purpose);

// Checks all plugin tables of the config against the plugins: unknown ids (with the nearest), parameters, and that
// train.normalizer, routes, task rewards and task weights name plugins that exist.
void check_plugins(const Config& config, const plugin::Registry& registry);

}  // namespace golong
