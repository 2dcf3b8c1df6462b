#include "core/base/file_patterns.h"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "core/base/error.h"

namespace golong {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> files_in(const fs::path& folder) {
  std::vector<std::string> files;
  std::error_code error;
  const fs::directory_iterator entries(folder, error);
  if (error) fail("cannot read the folder ", folder.string(), ": ", error.message());
  for (const auto& entry : entries) {
    const std::string kind = entry.path().extension().string();
    if (entry.is_regular_file() && (kind == ".jsonl" || kind == ".parquet")) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::string> matching(const std::string& pattern) {
  glob_t found{};
  const std::unique_ptr<glob_t, void (*)(glob_t*)> release(&found, globfree);
  if (glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) != 0) return {};
  std::vector<std::string> files(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  std::erase_if(files, [](const std::string& file) { return !fs::is_regular_file(file); });
  std::sort(files.begin(), files.end());  // by bytes, in every locale
  return files;
}

}  // namespace

std::string relative_to_here() {
  std::error_code error;
  const fs::path here = fs::current_path(error);
  return " (paths are relative to the working directory" + (error ? "" : ", " + here.string()) + ")";
}

std::vector<std::string> row_files(const std::string& name) {
  std::error_code error;
  if (fs::is_directory(name, error)) return files_in(name);
  if (fs::exists(name, error)) return {name};
  return matching(name);
}

std::string why_no_row_files(const std::string& name) {
  std::error_code error;
  if (fs::is_directory(name, error)) return "the folder " + name + " holds no .jsonl or .parquet file";
  return "there is no file " + name + relative_to_here();
}

std::vector<std::string> all_row_files(const std::vector<std::string>& names) {
  std::vector<std::string> files;
  for (const std::string& name : names) {
    const std::vector<std::string> more = row_files(name);
    if (more.empty()) fail(why_no_row_files(name));
    files.insert(files.end(), more.begin(), more.end());
  }
  return files;
}

}  // namespace golong
