#include "core/checkpoint/checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/checkpoint/manifest.h"
#include "core/model/weight_files.h"
#include "core/report/log.h"
#include "core/report/progress.h"

namespace golong {
namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = "step-";
constexpr char kTemporary[] = ".saving-";  // before the name
constexpr char kRemoved[] = ".saving-removed";
constexpr char kWeights[] = "model", kOptimizer[] = "optimizer";  // stems of files (weight_files.h)

std::string folder_name(int64_t step) {
  char name[32];
  std::snprintf(name, sizeof name, "%s%08lld", kPrefix, static_cast<long long>(step));
  return name;
}

// Exactly what folder_name makes, so that a copy that somebody put aside is left alone.
bool is_checkpoint(std::string_view name) {
  constexpr std::string_view prefix = kPrefix;
  if (!name.starts_with(prefix) || name.size() < prefix.size() + 8) return false;
  name.remove_prefix(prefix.size());
  return name.find_first_not_of("0123456789") == name.npos;
}

// What interrupted saves left, or a running one writes.
std::vector<fs::path> leftovers(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with(kTemporary)) found.push_back(entry.path());
  }
  return found;
}

// Under another name first: who is killed halfway leaves nothing that looks like a checkpoint.
void discard(const fs::path& checkpoint) {
  const fs::path aside = checkpoint.parent_path() / kRemoved;
  fs::remove_all(aside);
  fs::rename(checkpoint, aside);
  fs::remove_all(aside);
}

std::vector<std::pair<std::string, at::Tensor>> tensors(const fs::path& folder, const char* stem) {
  const StoredWeights stored(folder, stem);
  return {stored.tensors().begin(), stored.tensors().end()};
}

// Says so where it cannot.
bool can_read_manifest(const fs::path& folder) {
  try {
    read_manifest(folder);
    return true;
  } catch (const Error& error) {
    log::warning("checkpoint ", folder.string(), " is not removed, although others replace it: ", error.what());
    return false;
  }
}

double bytes_of(const Snapshot& snapshot) {
  double bytes = 0;
  for (const auto* all : {&snapshot.weights, &snapshot.optimizer}) {
    for (const auto& [name, tensor] : *all) bytes += static_cast<double>(tensor.nbytes());
  }
  return bytes;
}

}  // namespace

CheckpointStore::CheckpointStore(fs::path folder, CheckpointConfig config)
    : folder_(std::move(folder)), config_(std::move(config)) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) fail("cannot make the folder ", folder_.string(), ": ", error.message());
}

std::vector<fs::path> CheckpointStore::list() const {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (entry.is_directory() && is_checkpoint(entry.path().filename().string())) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) {
    const std::string first = a.filename().string(), second = b.filename().string();
    return first.size() != second.size() ? first.size() < second.size() : first < second;
  });
  return found;
}

std::optional<CheckpointStore::Best> CheckpointStore::best() const {
  if (config_.keep_best_metric.empty()) return {};
  std::optional<Best> best;
  for (const fs::path& folder : list()) {
    Manifest manifest;
    try {
      manifest = read_manifest(folder);
    } catch (const Error&) {
      continue;  // damaged, which who loads it is told
    }
    const auto found = manifest.metrics.find(config_.keep_best_metric);
    if (found == manifest.metrics.end()) continue;
    const double value = found->second;
    if (best && (config_.best_is_highest ? value <= best->value : value >= best->value)) continue;
    best = Best{folder, manifest.step, value};
  }
  return best;
}

void CheckpointStore::write(const Snapshot& snapshot, const fs::path& target) {
  const fs::path temporary = folder_ / (kTemporary + folder_name(snapshot.step));
  try {
    for (const fs::path& path : leftovers(folder_)) fs::remove_all(path);
    fs::create_directories(temporary);
    write_weights(temporary, snapshot.weights, {}, config_.shard_bytes, kWeights);
    write_weights(temporary, snapshot.optimizer, {}, config_.shard_bytes, kOptimizer);
    for (const auto& [name, contents] : snapshot.texts) write_file_atomic(temporary / name, contents);
    write_manifest(temporary, snapshot.step, snapshot.metrics);
    if (fs::exists(target)) discard(target);  // a damaged one
    fs::rename(temporary, target);
    sync_to_disk(folder_);
  } catch (const std::exception& error) {
    std::error_code unknown;
    fs::remove_all(temporary, unknown);
    const fs::space_info space = fs::space(folder_, unknown);
    fail("the checkpoint of step ", snapshot.step, " cannot be written: ", error.what(), ". It takes ",
         format_count(bytes_of(snapshot)), "B",
         unknown ? "" : "; " + format_count(static_cast<double>(space.available)) + "B are free",
         ". Earlier checkpoints are as they were: make room in ", folder_.string(), " and go on with --resume");
  }
}

void CheckpointStore::remove_old(const fs::path& newest) {
  std::vector<fs::path> all = list();
  for (; all.back() != newest; all.pop_back()) discard(all.back());
  const std::optional<Best> best = this->best();
  if (best && best->folder == newest) {
    log::info("step ", best->step, " is the best so far: ", config_.keep_best_metric, " ", best->value);
  }
  for (size_t i = 0; i + static_cast<size_t>(std::max<int64_t>(config_.keep, 1)) < all.size(); ++i) {
    if (best && best->folder == all[i]) continue;
    if (!config_.keep_best_metric.empty() && !can_read_manifest(all[i])) continue;  // it may be the best
    discard(all[i]);
  }
}

void CheckpointStore::save(const Snapshot& snapshot) {
  const fs::path target = folder_ / folder_name(snapshot.step);
  write(snapshot, target);
  try {
    remove_old(target);
  } catch (const fs::filesystem_error& error) {
    log::warning("the checkpoint of step ", snapshot.step, " is written, but not all older ones that it replaces ",
                 "could be removed: ", error.what());
  }
}

std::optional<Snapshot> CheckpointStore::load_newest() const {
  for (const fs::path& path : leftovers(folder_)) {
    if (path.filename() != kRemoved) log::warning("checkpoint ", path.string(), " is not finished and is passed over");
  }
  std::vector<fs::path> all = list();
  for (size_t i = all.size(); i-- > 0;) {
    try {
      return read_checkpoint(all[i]);
    } catch (const Error& error) {
      log::warning("checkpoint ", all[i].string(), " is damaged: ", error.what(),
                   i > 0 ? "; taking the one before" : "");
    }
  }
  if (!all.empty()) fail(folder_.string(), ": none of the ", all.size(), " checkpoints can be read (see the warnings)");
  return {};
}

Snapshot read_checkpoint(const fs::path& folder) {
  Manifest manifest = read_manifest(folder);
  verify_files(folder, manifest);
  Snapshot snapshot;
  snapshot.step = manifest.step;
  snapshot.metrics = std::move(manifest.metrics);
  for (const auto& [name, file] : manifest.files) {
    if (name.find(".safetensors") == name.npos) snapshot.texts[name] = read_file(folder / name);
  }
  snapshot.weights = tensors(folder, kWeights);
  snapshot.optimizer = tensors(folder, kOptimizer);
  return snapshot;
}

}  // namespace golong
