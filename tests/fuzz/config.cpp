// Configs: any text is a config, or an Error that says where it is wrong; a config that is written reads back the same.
// The first line is also tried as an assignment of --set.
#include <optional>

#include "core/base/error.h"
#include "core/config/config.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

using golong::Config;
using golong::fuzz::require;

void check_written(const Config& config) {
  const std::string written = config.to_toml();
  Config again;
  try {
    again = Config::parse(written, "written.toml");
  } catch (const golong::Error& error) {
    require(false, error.what());
  }
  require(again.to_toml() == written, "a config that is written reads back the same");
}

// The config that `read` gives, or nothing where the input is wrong and an Error says so.
template <typename Read>
void check(Read read) {
  std::optional<Config> config;
  try {
    config = read();
  } catch (const golong::Error&) {
    return;
  }
  check_written(*config);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check([&] { return Config::parse(std::string(reinterpret_cast<const char*>(data), size), "fuzz.toml"); });
  check([&] { return Config::defaults({std::string(golong::fuzz::first_line(data, size).first)}); });
  return 0;
}
