// run.json: a run's name, and the facts that a reader of its report wants to know, such as its model and learning rate.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace golong {

struct RunFact {
  std::string name;
  // By the first step that each holds for: a run that goes on under another config has more than one.
  std::map<int64_t, std::string> values;

  // "0.001; from step 121: 0.0005"
  std::string text() const;
};

struct RunInfo {
  std::string name;
  std::vector<RunFact> facts;  // in the order that they are shown in
};

// Throws Error when the file is malformed.
RunInfo read_run_info(const std::filesystem::path& run_json);

// Writes the run.json of a folder: `facts` are names and values from now on. `resumed_step`: the step of the checkpoint
// that the run goes on from; what the steps up to it ran under is kept. None: a new run.
void write_run_info(const std::filesystem::path& run_directory, const std::string& name,
                    const std::vector<std::pair<std::string, std::string>>& facts, std::optional<int64_t> resumed_step);

}  // namespace golong
