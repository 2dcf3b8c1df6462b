#include "core/scale/device.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/nearest.h"

namespace golong::scale {
namespace {

namespace json = boost::json;

// What the H200 reached of its data sheet in docs/benchmarks.md: products of 8,192 squared 780 to 850 of 989 TFLOP/s,
// reading 4.2 to 4.4 of 4.8 TB/s. Taken for all devices.
constexpr double kProduct = 0.82, kReading = 0.9;
// Of links, assumed: what nccl-tests commonly shows of NVLink (some 360 of 450 GB/s) and of InfiniBand.
constexpr double kLink = 0.8;
// NCCL's own constants for rings of its protocol "Simple" (src/graph/tuning.cc of NCCL 2.19: baseLat 8.4, hwLat 3.4 and
// 14 microseconds).
constexpr double kStart = 8.4e-6, kNvlinkHop = 3.4e-6, kNetworkHop = 14e-6;

// Numbers as on data sheets: GB, dense bfloat16 TFLOP/s, TB/s, GB/s of NVLink in one direction, GB/s of network for
// each device.
struct Sheet {
  const char* name;
  double memory, flops, bandwidth, nvlink, network;
};

// Memory is what the name says, in GB of 10^9 bytes. Drivers report some 6 % more (an H200 150.1 GB); CUDA's context,
// NCCL's buffers and gaps between blocks take that.
// NVIDIA's data sheets "A100 80GB SXM", "H100 SXM5", "H200 SXM", "HGX B200", those of FLOP/s without sparsity, NVLink
// as half of the bidirectional number; the network of DGX A100 (8 x 200 Gb/s) and of DGX H100, H200 and B200 (8 x 400
// Gb/s).
constexpr Sheet kSheets[] = {
    {"A100-80GB", 80, 312, 2.039, 300, 25},
    {"H100-80GB", 80, 989.4, 3.35, 450, 50},
    {"H200-141GB", 141, 989.4, 4.8, 450, 50},
    {"B200-180GB", 180, 2250, 8, 900, 50},
};

Device device_of(const Sheet& sheet) {
  return {.name = sheet.name,
          .memory = sheet.memory * 1e9,
          .flops = sheet.flops * 1e12 * kProduct,
          .bandwidth = sheet.bandwidth * 1e12 * kReading,
          .inside = {sheet.nvlink * 1e9 * kLink, kNvlinkHop},
          .between = {sheet.network * 1e9 * kLink, kNetworkHop},
          .start_seconds = kStart};
}

double number(const json::object& object, const char* key, const std::string& file) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_number() || value->to_number<double>() <= 0) {
    fail(file, ": expected a number above 0 under \"", key, "\", as `golong bench device` writes it");
  }
  return value->to_number<double>();
}

// One link serves within a node and between nodes; what was measured over is not known.
Device read_device(const std::string& file) {
  boost::system::error_code error;
  const json::value parsed = json::parse(read_file(file), error);
  if (error || !parsed.is_object()) fail(file, ": expected the JSON that `golong bench device` prints");
  const json::object& object = parsed.as_object();
  Device device{.name = file,
                .memory = number(object, "memory_bytes", file),
                .flops = number(object, "matmul_flops_per_s", file),
                .bandwidth = number(object, "memory_bandwidth_bytes_per_s", file)};
  const json::value* name = object.if_contains("device");
  device.on_cpu = name != nullptr && name->is_string() && name->as_string() == "cpu";
  const json::value* ranks = object.if_contains("ranks");
  if (ranks == nullptr || !ranks->is_number() || ranks->to_number<int64_t>() < 2) return device;
  const Link link{number(object, "link_bytes_per_s", file), number(object, "hop_s", file)};
  device.inside = device.between = link;
  device.start_seconds = number(object, "start_s", file);
  return device;
}

}  // namespace

std::vector<std::string> device_names() {
  std::vector<std::string> names;
  for (const Sheet& sheet : kSheets) names.emplace_back(sheet.name);
  return names;
}

Device find_device(const std::string& name, const std::string& option) {
  if (name.ends_with(".json")) return read_device(name);
  for (const Sheet& sheet : kSheets) {
    if (name == sheet.name) return device_of(sheet);
  }
  std::string known;
  for (const std::string& each : device_names()) known += (known.empty() ? "" : ", ") + each;
  fail(option, ": there is no device \"", name, "\"", did_you_mean(name, device_names()), "; known are ", known,
       ", and files (NAME.json) that `golong bench device` has written");
}

Devices parse_devices(const std::string& text, const std::string& option) {
  const size_t cross = text.find('x');
  Devices devices;
  if (cross == std::string::npos || cross == 0) return {1, find_device(text, option)};
  const auto [end, error] = std::from_chars(text.data(), text.data() + cross, devices.count);
  if (error != std::errc() || end != text.data() + cross) return {1, find_device(text, option)};
  if (devices.count < 1 || devices.count > 1024) fail(option, ": expected 1 to 1024 devices of a node, found ", text);
  devices.device = find_device(text.substr(cross + 1), option);
  return devices;
}

}  // namespace golong::scale
