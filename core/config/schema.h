// What every key of the config means: its name, help, type and range, said once. The parser, `golong config show`, the
// checks and docs/reference/config.md are visitors of these descriptions.
//
// The tables whose keys are named by users or plugins ([routes."x"], [tasks.ID], [rewards.ID], [normalizers.ID]) are
// not described here: see reader.cpp, writer.cpp and reference.cpp.
#pragma once
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/config/config.h"

namespace golong {

// A key's place in a Config; says the key's type, too.
using ConfigValue = std::variant<bool*, int64_t*, double*, std::optional<double>*, std::string*,
                                 std::vector<std::string>*, std::map<std::string, double>*>;

// What a value may be. Numbers: from minimum to maximum, without the bound itself where it is open. Strings: one of
// `choices` where there are any, or `numbered` and a whole number from 0 on behind it.
struct Limits {
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool open_minimum = false;
  bool open_maximum = false;
  std::vector<std::string> choices;
  std::string numbered;  // "": none
};

inline Limits at_least(double minimum) { return {.minimum = minimum}; }
inline Limits above(double minimum) { return {.minimum = minimum, .open_minimum = true}; }
inline Limits from_to(double minimum, double maximum) { return {.minimum = minimum, .maximum = maximum}; }
inline Limits from_below(double minimum, double below) {
  return {.minimum = minimum, .maximum = below, .open_maximum = true};
}
inline Limits above_to(double above, double maximum) {
  return {.minimum = above, .maximum = maximum, .open_minimum = true};
}
inline Limits one_of(std::vector<std::string> choices) { return {.choices = std::move(choices)}; }

// "0 or more", "above 0, at most 1", "\"token_mean\", \"sequence_mean\" or \"fixed_length\""; "" where all is allowed.
std::string to_string(const Limits& limits);
bool within(const Limits& limits, double value);
bool within(const Limits& limits, const std::string& value);

// "an integer", "a list of strings", ...
std::string type_name(const ConfigValue& value);

// Called for tables and keys in the order of config.h.
class ConfigVisitor {
 public:
  virtual ~ConfigVisitor() = default;
  virtual void begin_table(const std::string& name, const std::string& help) = 0;
  virtual void key(const std::string& name, ConfigValue value, const std::string& help, const Limits& limits = {}) = 0;
  virtual void end_table() = 0;
};

void describe(ConfigVisitor& visitor, RunConfig& run);
void describe(ConfigVisitor& visitor, PluginsConfig& plugins);
void describe(ConfigVisitor& visitor, ModelConfig& model);
void describe(ConfigVisitor& visitor, DataConfig& data);
void describe(ConfigVisitor& visitor, RolloutConfig& rollout);
void describe(ConfigVisitor& visitor, RewardsConfig& rewards);
void describe(ConfigVisitor& visitor, TrainConfig& train);
void describe(ConfigVisitor& visitor, RolloutCorrectionConfig& correction);
void describe(ConfigVisitor& visitor, RatioClip& clip);
void describe(ConfigVisitor& visitor, KlConfig& kl);
void describe(ConfigVisitor& visitor, OverlongConfig& overlong);
void describe(ConfigVisitor& visitor, SftConfig& sft);
void describe(ConfigVisitor& visitor, EvalConfig& eval);
void describe(ConfigVisitor& visitor, CheckpointConfig& checkpoint);
void describe(ConfigVisitor& visitor, ReportConfig& report);
void describe(ConfigVisitor& visitor, ParallelConfig& parallel);
void describe(ConfigVisitor& visitor, Config& config);  // all tables

}  // namespace golong
