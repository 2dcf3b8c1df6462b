// golong bench device [--device cpu|cuda] [--dtype D]
#include <cstdio>
#include <memory>

#include "core/cli/bench.h"
#include "core/cli/engine.h"

namespace golong {

void add_bench_device(CLI::App& bench) {
  CLI::App* command = bench.add_subcommand(
      "device",
      "Products, attention and memory of this device, and the links between ranks, for golong plan --devices");
  auto options = std::make_shared<DeviceBenchOptions>();
  command->add_option("--threads", options->threads, "0: all cores")->capture_default_str()->check(CLI::Range(0, 4096));
  command->add_option("--dtype", options->dtype, "Type to compute in")
      ->capture_default_str()
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  add_device_option(*command, options->device);
  command->callback([options] {
    const std::string json = engine().bench_device(*options);
    if (!json.empty()) std::printf("%s\n", json.c_str());  // of the first rank
  });
}

}  // namespace golong
