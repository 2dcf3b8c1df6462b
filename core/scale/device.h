// Devices by name: what they can do, from data sheets or measured by `golong bench device`.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace golong::scale {

// From one device to another, in one direction.
struct Link {
  double bandwidth = 0;    // bytes a second that a large transfer reaches
  double hop_seconds = 0;  // of each step from one rank to the next

  bool operator==(const Link&) const = default;
};

struct Device {
  std::string name;          // "H100-80GB"
  double memory = 0;         // bytes
  double flops = 0;          // a second, that a large matrix product reaches
  double bandwidth = 0;      // bytes a second that its memory is read with
  Link inside, between;      // to devices of the same node, and of others
  double start_seconds = 0;  // of an operation between ranks, whatever it sends
  bool on_cpu = false;

  bool operator==(const Device&) const = default;
};

// Shares of Device::flops and ::bandwidth that golong reaches, from the runs on an H200 in docs/benchmarks.md ("On a
// GPU"). The rates of a product and of reading were measured in the same runs.
// Updates of Qwen3-1.7B and 4B computed, with what is recomputed, 52 to 61 % of what products could have.
inline constexpr double kUpdateShare = 0.57;
// Prompts of 4B: 68 % at 8,192 tokens, 62 % at 131,072.
inline constexpr double kPrefillShare = 0.65;
// Prompts of 30B-A3B: 46 %, so that a model of experts reaches this part of what others do; of updates, which were not
// measured, the same.
inline constexpr double kExpertShare = 0.7;
// Weights, keys and values are read at 31 to 41 % of the bandwidth while one token after the other is decoded.
inline constexpr double kDecodeShare = 0.36;

// The names that find_device knows.
std::vector<std::string> device_names();

// A name of that list, or a file of JSON as `golong bench device` prints it. Throws Error that names `option` and lists
// the names, or says what the file lacks.
Device find_device(const std::string& name, const std::string& option);

// "8xH100-80GB": devices of a node.
struct Devices {
  int64_t count = 1;
  Device device;
};
Devices parse_devices(const std::string& text, const std::string& option);

}  // namespace golong::scale
