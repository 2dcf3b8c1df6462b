#include "core/checkpoint/manifest.h"

#include <boost/json.hpp>
#include <cmath>
#include <string_view>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/version.h"

namespace golong {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr char kManifest[] = "manifest.json";

// The end of the text whose hash it holds; the text before it is an object that is still open.
std::string seal(std::string_view text) { return ",\"hash\":\"" + fingerprint(text) + "\"}\n"; }

Manifest parse(const json::value& root) {
  Manifest manifest;
  manifest.step = root.at("step").to_number<int64_t>();
  for (const auto& [name, value] : root.at("metrics").as_object()) {
    manifest.metrics[name] = value.to_number<double>();
  }
  for (const auto& [name, file] : root.at("files").as_object()) {
    manifest.files[name] = {file.at("bytes").to_number<uint64_t>(), std::string(file.at("hash").as_string())};
  }
  return manifest;
}

}  // namespace

std::map<std::string, Manifest::File> files_of(const fs::path& folder, const std::string& prefix) {
  std::map<std::string, Manifest::File> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    const MappedFile file(entry.path());
    files[name] = {file.bytes().size(), fingerprint(file.bytes())};
  }
  return files;
}

void write_manifest(const fs::path& folder, const Manifest& manifest) {
  json::object files, numbers;
  for (const auto& [name, file] : manifest.files) files[name] = {{"bytes", file.bytes}, {"hash", file.hash}};
  for (const auto& [name, value] : manifest.metrics) {
    if (std::isfinite(value)) numbers[name] = value;
  }
  std::string text = json::serialize(
      json::object{{"step", manifest.step}, {"golong", version}, {"metrics", numbers}, {"files", files}});
  text.pop_back();  // the closing brace stands behind the hash
  write_file_atomic(folder / kManifest, text + seal(text));
}

Manifest read_manifest(const fs::path& folder) {
  const fs::path path = folder / kManifest;
  if (!fs::exists(path)) fail(path.string(), ": is missing");
  const std::string contents = read_file(path);
  const std::string_view text = std::string_view(contents).substr(0, contents.rfind(",\"hash\":"));
  if (std::string_view(contents).substr(text.size()) != seal(text)) {
    fail(path.string(), ": its contents changed since it was written, or an older golong wrote it");
  }
  try {
    return parse(json::parse(contents));
  } catch (const std::exception& error) {
    fail(path.string(), ": is no manifest of a checkpoint: ", error.what());
  }
}

void verify_files(const fs::path& folder, const Manifest& manifest, Share share) {
  int64_t place = 0;
  for (const auto& [name, written] : manifest.files) {
    if (place++ % share.parts != share.part) continue;
    const fs::path path = folder / name;
    if (!fs::exists(path)) fail(path.string(), ": is missing");
    const MappedFile file(path);
    if (file.bytes().size() != written.bytes) {
      fail(path.string(), ": has ", file.bytes().size(), " bytes, ", written.bytes, " were written");
    }
    if (fingerprint(file.bytes()) != written.hash) {
      fail(path.string(), ": its contents changed since it was written");
    }
  }
}

}  // namespace golong
