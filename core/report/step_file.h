// JSONL files that grow with the steps of a run: metrics.jsonl (one line a step) and samples.jsonl (some lines a step).
//
// Each line is an object with an integer "step", steps never decrease, and each line is on the disk's side when
// append() returns, so that a killed run leaves whole lines and at most one torn last one. A resumed run cuts off what
// came after its checkpoint.
#pragma once
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace golong {

// Calls `row` with each line's step, text and number (from 1). A torn last line is left out. Throws Error "FILE:LINE"
// for lines that are no such object, and for steps that go back.
void read_step_file(const std::filesystem::path& path,
                    const std::function<void(int64_t step, std::string_view line, size_t number)>& row);

// Not thread-safe: one writer.
class StepFile {
 public:
  // `resumed_step`: lines of later steps are cut off, atomically. None: a new run, the file starts empty.
  StepFile(const std::filesystem::path& path, std::optional<int64_t> resumed_step);

  // Appends `json`, an object that holds "step". Throws Error when the step goes back or the disk is full.
  void append(int64_t step, std::string_view json);
  // Puts `json` in the place of the last line, which there must be, of the same step; atomically. Throws Error when the
  // disk is full.
  void replace_last(std::string_view json);

  const std::filesystem::path& path() const { return path_; }
  std::optional<int64_t> last_step() const { return last_step_; }

 private:
  void open(const std::string& contents);

  std::filesystem::path path_;
  std::ofstream out_;
  std::optional<int64_t> last_step_;
};

}  // namespace golong
