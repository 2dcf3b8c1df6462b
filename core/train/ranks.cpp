#include "core/train/ranks.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "core/base/file.h"
#include "core/base/file_patterns.h"
#include "core/base/hash.h"
#include "core/base/version.h"
#include "core/config/difference.h"
#include "core/nn/device.h"
#include "core/rollout/options.h"

namespace golong {
namespace {

namespace fs = std::filesystem;

// Of weights, which may be large: the size, and what the file begins and ends with.
std::string mark_of(const fs::path& path) {
  const MappedFile file(path);
  constexpr size_t most = 1 << 20;
  const std::string_view bytes = file.bytes();
  const size_t part = std::min(bytes.size(), most);
  RunningHash hash;
  hash.add(bytes.substr(0, part));
  hash.add(bytes.substr(bytes.size() - part));
  return std::to_string(bytes.size()) + " bytes, " + hash.digits();
}

}  // namespace

std::string device_of_rank(const Config& config, const parallel::Rank& rank) {
  if (rank.alone() || config.model.device != "cuda") return config.model.device;
  return "cuda:" + std::to_string(rank.local_rank);
}

Config config_of_rank(Config config, const parallel::Rank& rank) {
  config.model.device = device_of_rank(config, rank);
  if (config.rewards.threads == 0) {
    config.rewards.threads = std::max<int64_t>(1, std::thread::hardware_concurrency() / rank.local_size);
  }
  return config;
}

std::shared_ptr<parallel::World> open_world(const Config& config) {
  parallel::WorldOptions options;
  options.timeout = std::chrono::seconds(config.parallel.timeout_seconds);
  if (!options.rank.alone()) {
    options.backends = nn::collective_backends(nn::open_device(device_of_rank(config, options.rank)));
  }
  return parallel::World::open(options);
}

EngineOptions engine_options_of_rank(const Config& config, const Model& model, const parallel::Rank& rank) {
  EngineOptions options = engine_options(config.rollout);
  if (options.kv_cache_bytes == 0 && model.device().is_cpu() && rank.local_size > 1) {
    options.kv_cache_bytes = nn::memory_of(model.device()) / (2 * rank.local_size);
  }
  return options;
}

parallel::WatchOptions watch_options(const ParallelConfig& config) {
  return {.silence = std::chrono::seconds(config.heartbeat_seconds)};
}

parallel::MeshShape mesh_shape(const ParallelConfig& config) {
  return {config.replicate, config.shard, config.context, config.expert};
}

parallel::Facts facts_of(const Config& config, const plugin::Registry& registry, bool resume) {
  parallel::Facts facts{{"golong", version}, {"--resume", resume ? "true" : "false"}};
  for (const Difference& key : differences("", config.to_toml(), "the config")) facts[key.key] = key.after;
  for (const plugin::Plugin& plugin : registry.plugins()) {
    facts[std::string(plugin::name(plugin.kind)) + " " + plugin.id] = plugin.descriptor->version;
  }
  for (const std::string& model : {config.model.path, config.train.reference_model}) {
    if (model.empty() || !fs::is_directory(model)) continue;
    for (const auto& entry : fs::directory_iterator(model)) {
      const std::string kind = entry.path().extension();
      if (kind == ".json" || kind == ".safetensors") facts[entry.path().string()] = mark_of(entry.path());
    }
  }
  for (const auto* files : {&config.data.train, &config.data.eval}) {
    for (const std::string& file : all_row_files(*files))
      facts[file] = fingerprint(MappedFile(file).bytes());  // rows decide what is learned
  }
  return facts;
}

}  // namespace golong
