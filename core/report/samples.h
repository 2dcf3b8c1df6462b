// samples.jsonl: some responses of each step with their scores, for the report.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/report/step_file.h"

namespace golong {

struct Sample {
  int64_t step = 0;
  std::string task;
  std::string reward;  // id of the reward plugin
  std::string uid;     // of the prompt
  std::string prompt;  // its end, rendered
  std::string response;
  std::string gold;             // JSON or text
  std::optional<double> score;  // none unless scored
  std::string outcome;          // "scored", "timeout", "error", "unscorable"
  std::string detail;           // what the reward says about it
  std::optional<double> advantage;
};

// The last `characters` code points of a text (UTF-8 is not cut apart), with "..." in front where some were cut off.
std::string text_tail(const std::string& text, size_t characters);

class SampleWriter {
 public:
  // As MetricsWriter.
  SampleWriter(const std::filesystem::path& path, std::optional<int64_t> resumed_step);
  void write(const Sample& sample);

 private:
  StepFile file_;
};

std::vector<Sample> read_samples(const std::filesystem::path& path);

}  // namespace golong
