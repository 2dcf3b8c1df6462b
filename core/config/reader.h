// Puts TOML into a Config, key by key, checked against the schema. Used by Config::load and Config::defaults.
#pragma once
#include <toml++/toml.h>

#include <map>
#include <string>
#include <vector>

#include "core/base/mistakes.h"
#include "core/config/schema.h"

namespace golong {

// Applies tables and overrides to a Config in order, the later ones winning. Holds pointers into the Config.
class ConfigReader {
 public:
  // `override_source` starts the messages about overrides.
  explicit ConfigReader(Config& config, std::string override_source = "--set");

  // `source` starts the messages ("demo.toml"). The key `extends` is left to the caller.
  void apply(const toml::table& table, const std::string& source);

  // "train.learning_rate=1e-5": the value in TOML's syntax. Where a string is expected it may stand without quotes.
  void apply_override(const std::string& assignment);

  // Throws Error with FILE:LINE:COLUMN for all that was wrong, in the order in which it was applied.
  void finish() const;

 private:
  struct Field {
    ConfigValue value;
    Limits limits;
  };
  class Collector;

  template <class Function>  // (key, node, path)
  void each(const toml::table& table, const std::string& path, const Function& function);
  void override_with(const std::string& assignment);
  void walk(const toml::table& table, const std::string& path);
  void assign(const Field& field, const toml::node& node, const std::string& path);
  void assign_weights(const Field& field, std::map<std::string, double>& weights, const toml::node& node,
                      const std::string& path);
  void routes(const toml::node& node, const std::string& path);
  void plugin_tables(plugin::Kind kind, const toml::node& node, const std::string& path);
  void plugin_table(plugin::Kind kind, const std::string& id, const toml::node& node, const std::string& path);
  const toml::table& table_of(const toml::node& node, const std::string& path) const;
  std::string string_of(const toml::node& node, const std::string& path);
  plugin::Scalar scalar_of(const toml::node& node, const std::string& path) const;
  [[noreturn]] void unknown_key(const toml::key& key, const std::string& parent) const;
  std::string where(const toml::source_region& region) const;

  Config& config_;
  const std::string override_source_;
  std::map<std::string, Field> fields_;  // "train.learning_rate" -> ...
  std::vector<std::string> tables_;      // "train", "train.rollout_correction", ...
  Mistakes mistakes_;
  std::string source_;  // of what is being applied; "--set": without positions
};

// Parses a TOML file. Throws Error "FILE:LINE:COLUMN: ..." for syntax errors and keys that stand twice.
toml::table parse_toml(const std::string& text, const std::string& source);

// `the string "fast"`, `3`, `an array`: what stands at a place where something else was expected.
std::string found(const toml::node& node);

}  // namespace golong
