#include "core/report/tensorboard.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/report/event_file.h"

namespace golong {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view prefix = "events.out.tfevents.", suffix = ".golong";

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

// TensorBoard knows event files by the prefix and reads them in the order of their names: the second of their start,
// and later than the files before even where a clock was set back or two starts share a second.
fs::path next_file(const fs::path& folder) {
  auto second = static_cast<int64_t>(now());
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    int64_t other = 0;
    std::from_chars(name.data() + prefix.size(), name.data() + name.size(), other);
    second = std::max(second, other + 1);
  }
  char digits[24];
  std::snprintf(digits, sizeof digits, "%010lld", static_cast<long long>(second));
  return folder / (std::string(prefix) + digits + std::string(suffix));
}

// Of this folder, written by golong.
std::vector<fs::path> own_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(suffix)) files.push_back(entry.path());
  }
  return files;
}

}  // namespace

TensorBoardWriter::TensorBoardWriter(const fs::path& folder, std::optional<int64_t> resumed_step) {
  fs::create_directories(folder);
  for (const fs::path& file : own_files(folder)) {
    if (resumed_step) {
      fs::resize_file(file, bytes_up_to_step(read_file(file), *resumed_step));
    } else {
      fs::remove(file);
    }
  }
  path_ = next_file(folder);
  out_.open(path_, std::ios::binary);
  // A TensorBoard that is open has what was cut off still in memory. Where a session starts it forgets later steps; its
  // fast loader (--load_fast) does so curve by curve, as the new steps come.
  out_ << tf_record(version_event(now())) << tf_record(session_start_event(now(), resumed_step ? *resumed_step + 1 : 0))
       << std::flush;
  if (!out_) fail(path_.string(), ": cannot be written");
}

void TensorBoardWriter::write(int64_t step, const Metrics& metrics) {
  out_ << tf_record(scalars_event(now(), step, metrics)) << std::flush;
  if (!out_) fail(path_.string(), ": cannot be written; is the disk full?");
}

void TensorBoardWriter::sync_to_disk() const { golong::sync_to_disk(path_); }

}  // namespace golong
