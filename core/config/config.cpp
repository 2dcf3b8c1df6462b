#include "core/config/config.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/config/reader.h"
#include "core/config/validate.h"

namespace golong {
namespace {

namespace fs = std::filesystem;

// Applies `file` after the file that it extends. `chain` holds the files that lead here.
void apply_file(ConfigReader& reader, const fs::path& file, std::vector<fs::path>& chain) {
  const std::string source = file.string();
  const toml::table table = parse_toml(read_file(file), source);
  chain.push_back(file);
  if (const toml::node* base = table.get("extends")) {
    const toml::source_position position = base->source().begin;
    const std::string where = source + ":" + std::to_string(position.line) + ":" + std::to_string(position.column);
    if (!base->is_string()) fail(where, ": extends: expected a string, found ", found(*base));
    const fs::path base_file = (file.parent_path() / *base->value<std::string>()).lexically_normal();
    std::error_code error;
    if (!fs::exists(base_file, error)) fail(where, ": extends: there is no file ", base_file.string());
    const auto same = [&](const fs::path& other) { return fs::equivalent(other, base_file, error); };
    if (std::any_of(chain.begin(), chain.end(), same)) {
      std::string names;
      for (const fs::path& link : chain) names += link.string() + " -> ";
      fail(where, ": extends goes in a circle: ", names, base_file.string());
    }
    apply_file(reader, base_file, chain);
  }
  reader.apply(table, source);
}

}  // namespace

Config Config::load(const fs::path& file, const std::vector<std::string>& overrides) {
  Config config;
  ConfigReader reader(config);
  std::vector<fs::path> chain;
  apply_file(reader, file, chain);
  for (const std::string& assignment : overrides) reader.apply_override(assignment);
  reader.finish();
  validate(config);
  return config;
}

Config Config::parse(const std::string& text, const std::string& source) {
  Config config;
  ConfigReader reader(config);
  reader.apply(parse_toml(text, source), source);
  reader.finish();
  validate(config);
  return config;
}

Config Config::defaults(const std::vector<std::string>& overrides) {
  Config config;
  ConfigReader reader(config);
  for (const std::string& assignment : overrides) reader.apply_override(assignment);
  reader.finish();
  validate(config);
  return config;
}

std::string name_of(const Config& config, const std::string& key) {
  const auto origin = config.origins.find(key);
  return origin == config.origins.end() ? key : origin->second + ": " + key;
}

}  // namespace golong
