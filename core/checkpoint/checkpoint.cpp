#include "core/checkpoint/checkpoint.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/version.h"
#include "core/model/safetensors.h"
#include "core/report/log.h"

namespace golong {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr char kPrefix[] = "step-";
constexpr char kTemporary[] = ".saving-";
constexpr char kManifest[] = "manifest.json";

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

void check_file(const fs::path& path, const json::object& entry) {
  if (!fs::exists(path)) fail(path.string(), ": is missing");
  MappedFile file(path);
  uint64_t size = entry.at("bytes").to_number<uint64_t>();
  if (file.bytes().size() != size) {
    fail(path.string(), ": has ", file.bytes().size(), " bytes, ", size, " were written");
  }
  if (fingerprint(file.bytes()) != entry.at("hash").as_string()) {
    fail(path.string(), ": its contents changed since it was written");
  }
}

// What interrupted saves left. Only who saves may do this: a reader would take away what a running save writes.
void remove_leftovers(const fs::path& folder) {
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with(kTemporary)) leftovers.push_back(entry.path());
  }
  for (const fs::path& path : leftovers) fs::remove_all(path);
}

std::vector<std::pair<std::string, at::Tensor>> named(const fs::path& path) {
  SafetensorsFile file(path);
  return {file.tensors().begin(), file.tensors().end()};
}

}  // namespace

CheckpointStore::CheckpointStore(fs::path folder, int64_t keep) : folder_(std::move(folder)), keep_(keep) {
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

void CheckpointStore::save(const Snapshot& snapshot) {
  fs::path temporary = folder_ / (kTemporary + folder_name(snapshot.step)),
           target = folder_ / folder_name(snapshot.step);
  try {
    remove_leftovers(folder_);
    fs::create_directories(temporary);
    write_safetensors(temporary / "model.safetensors", snapshot.weights, {{"format", "pt"}});
    write_safetensors(temporary / "optimizer.safetensors", snapshot.optimizer);
    for (const auto& [name, contents] : snapshot.texts) write_file_atomic(temporary / name, contents);
    json::object files;
    for (const auto& entry : fs::directory_iterator(temporary)) {
      MappedFile file(entry.path());
      files[entry.path().filename().string()] = {{"bytes", file.bytes().size()}, {"hash", fingerprint(file.bytes())}};
    }
    json::object manifest{{"step", snapshot.step}, {"golong", version}, {"files", files}};
    write_file_atomic(temporary / kManifest, json::serialize(manifest) + "\n");
    if (fs::exists(target)) fs::rename(target, folder_ / (kTemporary + std::string("replaced")));  // a damaged one
    fs::rename(temporary, target);
    sync_to_disk(folder_);
  } catch (const std::exception& error) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    fail("the checkpoint of step ", snapshot.step, " cannot be written: ", error.what());
  }
  remove_leftovers(folder_);
  // Later ones are of a future that this run left when it went on from before them.
  std::vector<fs::path> all = list();
  for (; all.back() != target; all.pop_back()) fs::remove_all(all.back());
  for (size_t i = 0; i + static_cast<size_t>(std::max<int64_t>(keep_, 1)) < all.size(); ++i) fs::remove_all(all[i]);
}

std::optional<Snapshot> CheckpointStore::load_newest() const {
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
  Snapshot snapshot;
  try {
    json::value manifest = json::parse(read_file(folder / kManifest));
    snapshot.step = manifest.at("step").to_number<int64_t>();
    for (const auto& [name, entry] : manifest.at("files").as_object()) {
      check_file(folder / std::string(name), entry.as_object());
      if (!name.ends_with(".safetensors")) snapshot.texts[name] = read_file(folder / std::string(name));
    }
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    fail((folder / kManifest).string(), ": cannot be read: ", error.what());
  }
  snapshot.weights = named(folder / "model.safetensors");
  snapshot.optimizer = named(folder / "optimizer.safetensors");
  return snapshot;
}

}  // namespace golong
