// manifest.json: what a checkpoint's folder holds, and how to tell that nothing of it was lost or changed.
//
//   {"step": 12, "golong": "0.1.0", "metrics": {"reward/mean": 0.41, ...},
//    "files": {"model.safetensors": {"bytes": 1234, "hash": "..."}, ...}, "hash": "..."}
//
// The last member is the hash of all text before it, so that a change of the manifest itself is found, too.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "core/report/metrics.h"

namespace golong {

struct Manifest {
  struct File {
    uint64_t bytes = 0;
    std::string hash;  // fingerprint() of its contents
  };

  int64_t step = 0;
  Metrics metrics;  // of the step; those that are not finite are not kept
  std::map<std::string, File> files;
};

// The files of a folder whose names begin so. It reads them to hash them.
std::map<std::string, Manifest::File> files_of(const std::filesystem::path& folder, const std::string& prefix = "");

// Writes the manifest of a folder whose other files are all there.
void write_manifest(const std::filesystem::path& folder, const Manifest& manifest);

// Reads the manifest alone. Throws Error that names it, where it is missing, damaged, or no manifest.
Manifest read_manifest(const std::filesystem::path& folder);

// Of files that several share out: every one whose place among them leaves the rest `part` when divided by `parts`.
struct Share {
  int64_t part = 0, parts = 1;
};

// Throws Error that names the first file of the share that is missing or is not what was written.
void verify_files(const std::filesystem::path& folder, const Manifest& manifest, Share share = {});

}  // namespace golong
