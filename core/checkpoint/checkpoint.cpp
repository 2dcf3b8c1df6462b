#include "core/checkpoint/checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <string_view>

#include "core/base/file.h"
#include "core/base/rank_errors.h"
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

// Those of all ranks that wrote some.
std::vector<std::pair<std::string, at::Tensor>> tensors(const fs::path& folder, const std::string& stem,
                                                        const CheckpointFiles& files) {
  std::set<std::string> stems;
  for (const auto& [name, file] : files) {
    if (!name.starts_with(stem + ".rank-")) continue;
    stems.insert(name.substr(0, name.find_first_of(".-", (stem + ".rank-").size())));
  }
  if (stems.empty()) stems.insert(stem);
  std::vector<std::pair<std::string, at::Tensor>> all;
  for (const std::string& one : stems) {
    const StoredWeights stored(folder, one);
    all.insert(all.end(), stored.tensors().begin(), stored.tensors().end());
  }
  return all;
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

Snapshot read_verified(const fs::path& folder) {
  Manifest manifest = read_manifest(folder);
  Snapshot snapshot;
  snapshot.step = manifest.step;
  snapshot.metrics = std::move(manifest.metrics);
  for (const auto& [name, file] : manifest.files) {
    if (name.find(".safetensors") == name.npos) snapshot.texts[name] = read_file(folder / name);
  }
  snapshot.weights = tensors(folder, kWeights, manifest.files);
  snapshot.optimizer = tensors(folder, kOptimizer, manifest.files);
  return snapshot;
}

double bytes_of(const Snapshot& snapshot) {
  double bytes = 0;
  for (const auto* all : {&snapshot.weights, &snapshot.optimizer}) {
    for (const auto& [name, tensor] : *all) bytes += static_cast<double>(tensor.nbytes());
  }
  return bytes;
}

}  // namespace

CheckpointStore::CheckpointStore(fs::path folder, CheckpointConfig config, CheckpointRanks ranks)
    : folder_(std::move(folder)), config_(std::move(config)), ranks_(std::move(ranks)) {
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

// What this rank has to write, and its hashes.
CheckpointFiles CheckpointStore::write_files(const Snapshot& snapshot, const fs::path& folder) const {
  for (const auto& [stem, all] : {std::pair{kWeights, &snapshot.weights}, {kOptimizer, &snapshot.optimizer}}) {
    if (all->empty() && !ranks_.alone()) continue;
    write_weights(folder, *all, {}, config_.shard_bytes, ranks_.stem(stem));
  }
  if (ranks_.rank == 0) {
    for (const auto& [name, contents] : snapshot.texts) write_file_atomic(folder / name, contents);
  }
  CheckpointFiles files;
  if (ranks_.alone()) return files_of(folder);
  for (const char* stem : {kWeights, kOptimizer}) files.merge(files_of(folder, ranks_.stem(stem)));
  if (ranks_.rank == 0) {
    for (const auto& [name, contents] : snapshot.texts) files.merge(files_of(folder, name));
  }
  return files;
}

void CheckpointStore::write(const Snapshot& snapshot, const fs::path& target) {
  const fs::path temporary = folder_ / (kTemporary + folder_name(snapshot.step));
  try {
    DoneTogether(ranks_, state_->together++)
        .run(
            [&] {
              for (const fs::path& path : leftovers(folder_)) fs::remove_all(path);
              fs::create_directories(temporary);
            },
            [&] { return write_files(snapshot, temporary); },
            [&](const CheckpointFiles& files) {
              write_manifest(temporary, {snapshot.step, snapshot.metrics, files});
              if (fs::exists(target)) discard(target);  // a damaged one
              fs::rename(temporary, target);
              sync_to_disk(folder_);
            });
  } catch (const OtherRankFailed&) {
    throw;  // no room is missing
  } catch (const std::exception& error) {
    std::error_code unknown;
    if (ranks_.rank == 0) fs::remove_all(temporary, unknown);
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
  if (const std::optional<int64_t> from = std::exchange(state_->went_on_from, {})) {
    const auto loaded = std::ranges::find(all, folder_ / folder_name(*from));
    // Damaged ones stand between them; they count for nothing, and go when they are old.
    if (loaded != all.end() && *loaded != newest) all.erase(loaded + 1, all.end() - 1);
  }
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
  if (ranks_.rank != 0) return;
  try {
    remove_old(target);
  } catch (const fs::filesystem_error& error) {
    log::warning("the checkpoint of step ", snapshot.step, " is written, but not all older ones that it replaces ",
                 "could be removed: ", error.what());
  }
}

void CheckpointStore::add_metrics(int64_t step, const Metrics& more) const {
  const fs::path folder = folder_ / folder_name(step);
  Manifest manifest = read_manifest(folder);
  for (const auto& [name, value] : more) manifest.metrics[name] = value;
  write_manifest(folder, manifest);
}

// What the first rank says, on all ranks.
std::string CheckpointStore::hear(const std::string& said) const {
  if (ranks_.alone()) return said;
  const std::string key = "checkpoint/newest/" + std::to_string(state_->together++);
  if (ranks_.rank == 0) {
    ranks_.notes->set(key, said);
    return said;
  }
  try {
    return ranks_.notes->wait(key, 2 * ranks_.longest);  // it may verify, and wait for others that do
  } catch (const Overdue&) {
    throw Overdue("rank 0 does not say which checkpoint is taken (checkpoint.timeout_seconds)");
  }
}

// Of each checkpoint that the first rank proposes every rank verifies some of the files.
std::optional<Snapshot> CheckpointStore::load_newest() const {
  std::vector<fs::path> left;  // what may be proposed; the first rank's
  if (ranks_.rank == 0) {
    left = list();
    for (const fs::path& path : leftovers(folder_)) {
      if (path.filename() != kRemoved)
        log::warning("checkpoint ", path.string(), " is not finished and is passed over");
    }
  }
  std::string end;  // said when nothing is left
  for (;;) {
    const std::string name = hear(left.empty() ? end : left.back().filename().string());
    if (name.empty()) return {};
    if (!is_checkpoint(name)) fail(name);
    const auto verify = [&] {
      verify_files(folder_ / name, read_manifest(folder_ / name), {ranks_.rank, ranks_.size});
      return CheckpointFiles();
    };
    try {
      DoneTogether(ranks_, state_->together++).run([] {}, verify, [](const CheckpointFiles&) {});
    } catch (const OtherRankFailed&) {
      throw;
    } catch (const Error& error) {
      if (ranks_.rank != 0) continue;  // the first one says what is next
      if (end.empty()) {
        end = folder_.string() + ": none of the " + std::to_string(left.size()) +
              " checkpoints can be read (see the warnings)";
      }
      left.pop_back();
      log::warning("checkpoint ", (folder_ / name).string(), " is damaged: ", error.what(),
                   left.empty() ? "" : "; taking the one before");
      continue;
    }
    Snapshot snapshot = read_verified(folder_ / name);
    state_->went_on_from = snapshot.step;
    return snapshot;
  }
}

Snapshot read_checkpoint(const fs::path& folder) {
  verify_files(folder, read_manifest(folder));
  return read_verified(folder);
}

}  // namespace golong
