#include "core/model/weight_files.h"

#include <ATen/ATen.h>

#include <boost/json.hpp>
#include <cstdio>
#include <regex>
#include <set>

#include "core/base/error.h"
#include "core/base/file.h"

namespace golong {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

const std::map<std::string, std::string> kMetadata{{"format", "pt"}};  // without it transformers opens no file

std::string single_name(const std::string& stem) { return stem + ".safetensors"; }
std::string index_name(const std::string& stem) { return stem + ".safetensors.index.json"; }

// Also a link that leads nowhere, as an interrupted download leaves it: opening it says so.
bool is_there(const fs::path& path) { return fs::exists(fs::symlink_status(path)); }

// Tensor name -> file name.
std::map<std::string, std::string> read_index(const fs::path& path) {
  boost::system::error_code error;
  const MappedFile contents(path);
  const json::value parsed = json::parse(contents.bytes(), error);
  const json::value* map = !error && parsed.is_object() ? parsed.as_object().if_contains("weight_map") : nullptr;
  if (!map || !map->is_object() || map->as_object().empty()) {
    fail(path.string(), ": has no weight_map; expected {\"weight_map\": {tensor: file}}",
         error ? ", found no JSON: " + error.message() : "");
  }
  std::map<std::string, std::string> files;
  for (const auto& [name, file] : map->as_object()) {
    const std::string beside = file.is_string() ? std::string(file.as_string()) : "";
    if (beside.empty() || fs::path(beside).filename() != beside) {
      fail(path.string(), ": ", std::string(name), ": expected the name of a file beside the index, found ",
           json::serialize(file));
    }
    files[name] = beside;
  }
  return files;
}

using Dtype = std::optional<at::ScalarType>;  // none: the tensor's own

int64_t bytes_of(const at::Tensor& tensor, Dtype dtype) {
  return tensor.numel() * static_cast<int64_t>(c10::elementSize(dtype.value_or(tensor.scalar_type())));
}

std::vector<NamedTensors> split(const NamedTensors& weights, Dtype dtype, int64_t shard_bytes) {
  std::vector<NamedTensors> shards(1);
  int64_t bytes = 0;
  for (const auto& [name, tensor] : weights) {
    const int64_t more = bytes_of(tensor, dtype);
    if (!shards.back().empty() && bytes + more > shard_bytes) {
      shards.emplace_back();
      bytes = 0;
    }
    shards.back().emplace_back(name, tensor);
    bytes += more;
  }
  return shards;
}

std::string shard_name(const std::string& stem, size_t number, size_t count) {
  char numbers[64];
  std::snprintf(numbers, sizeof numbers, "-%05zu-of-%05zu", number, count);
  return single_name(stem + numbers);
}

void write_index(const fs::path& folder, const std::string& stem, const std::vector<NamedTensors>& shards,
                 Dtype dtype) {
  int64_t bytes = 0, parameters = 0;
  json::object map;
  for (size_t i = 0; i < shards.size(); ++i) {
    for (const auto& [name, tensor] : shards[i]) {
      bytes += bytes_of(tensor, dtype);
      parameters += tensor.numel();
      map[name] = shard_name(stem, i + 1, shards.size());
    }
  }
  const json::object index{{"metadata", {{"total_parameters", parameters}, {"total_size", bytes}}},
                           {"weight_map", map}};
  write_file_atomic(folder / index_name(stem), json::serialize(index) + "\n");
}

// Of an earlier model: beside the new files a reader would take these, or nobody would.
void remove_others(const fs::path& folder, const std::string& stem, const std::set<std::string>& written) {
  const std::regex weights(stem + R"((-\d{5}-of-\d{5})?\.safetensors|)" + stem + R"(\.safetensors\.index\.json)");
  std::vector<fs::path> others;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (std::regex_match(name, weights) && !written.contains(name)) others.push_back(entry.path());
  }
  for (const fs::path& path : others) {
    std::error_code error;
    fs::remove(path, error);
    if (error) fail("cannot remove ", path.string(), ", which is of an earlier model: ", error.message());
  }
}

}  // namespace

StoredWeights::StoredWeights(const fs::path& folder, const std::string& stem) {
  const std::string single = single_name(stem), index = index_name(stem);
  if (is_there(folder / single)) {
    add(folder / single);
  } else if (is_there(folder / index)) {
    add_shards(folder / index);
  } else {
    fail(folder.string(), ": no ", single, " and no ", index,
         "; a Hugging Face folder with its weights in safetensors is expected");
  }
}

void StoredWeights::add(const fs::path& path) {
  files_.emplace_back(path);
  for (const auto& [name, tensor] : files_.back().tensors()) {
    const auto [at, is_new] = file_of_.emplace(name, files_.size() - 1);
    if (!is_new) fail(path.string(), ": ", name, ": is in an earlier shard, too; copy the model again");
    tensors_[name] = tensor;
  }
}

void StoredWeights::add_shards(const fs::path& index) {
  const std::map<std::string, std::string> named = read_index(index);
  std::set<std::string> shards;
  for (const auto& [name, file] : named) shards.insert(file);
  for (const std::string& shard : shards) {
    const fs::path path = index.parent_path() / shard;
    if (!is_there(path)) {
      fail(path.string(), ": is missing, ", index.filename().string(), " names it; copy the model again");
    }
    add(path);
    for (const auto& [name, file] : named) {
      if (file == shard && !files_.back().tensors().contains(name)) {
        fail(index.string(), ": ", name, ": is not in ", shard, ", where it is said to be; copy the model again");
      }
    }
  }
}

at::Tensor StoredWeights::copy(const std::string& name, at::ScalarType dtype, at::Device device) const {
  const at::Tensor& stored = tensors_.at(name);
  at::Tensor made = at::empty(stored.sizes(), at::TensorOptions().dtype(dtype).device(device)).copy_(stored);
  files_[file_of_.at(name)].release();
  return made;
}

void write_weights(const fs::path& folder, const NamedTensors& weights, Dtype dtype, int64_t shard_bytes,
                   const std::string& stem) {
  const std::vector<NamedTensors> shards = split(weights, dtype, shard_bytes);
  std::set<std::string> written;
  if (shards.size() == 1) {
    write_safetensors(folder / single_name(stem), weights, kMetadata, dtype);
    written.insert(single_name(stem));
  } else {
    for (size_t i = 0; i < shards.size(); ++i) {
      const std::string name = shard_name(stem, i + 1, shards.size());
      write_safetensors(folder / name, shards[i], kMetadata, dtype);
      written.insert(name);
    }
    write_index(folder, stem, shards, dtype);
    written.insert(index_name(stem));
  }
  remove_others(folder, stem, written);
}

}  // namespace golong
