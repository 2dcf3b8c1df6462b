// Configs: any text is a config, or an Error that says where it is wrong; a config that is written reads back the same.
// The first line is also tried as an assignment of --set.
#include "core/base/error.h"
#include "core/config/reader.h"
#include "core/config/validate.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

using golong::Config;
using golong::fuzz::require;

void apply(Config& config, const std::string& text, const std::string& source) {
  golong::ConfigReader(config).apply(golong::parse_toml(text, source), source);
  golong::validate(config);
}

void check_written(const Config& config) {
  const std::string written = config.to_toml();
  Config again;
  apply(again, written, "written.toml");
  require(again.to_toml() == written, "a config that is written reads back the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  Config config;
  try {
    apply(config, text, "fuzz.toml");
    check_written(config);
  } catch (const golong::Error& error) {
    require(std::string_view(error.what()).find("written.toml") == std::string_view::npos, error.what());
  }
  const std::string assignment(golong::fuzz::first_line(data, size).first);
  try {
    check_written(Config::defaults({assignment}));
  } catch (const golong::Error& error) {
    require(std::string_view(error.what()).find("written.toml") == std::string_view::npos, error.what());
  }
  return 0;
}
