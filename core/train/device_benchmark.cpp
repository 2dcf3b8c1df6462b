#include "core/train/device_benchmark.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <boost/json.hpp>
#include <numeric>

#include "core/nn/device.h"
#include "core/nn/machine_speed.h"
#include "core/nn/segment.h"
#include "core/parallel/world.h"
#include "core/train/ranks.h"
#include "core/train/workspace.h"

namespace golong {
namespace {

namespace json = boost::json;

constexpr int64_t kHeads = 8, kKvHeads = 2;

AttentionSpeed measure_attention(int64_t head_dim, at::ScalarType dtype, at::Device device) {
  const int64_t tokens = device.is_cpu() ? 2048 : 16384;
  const auto random = [&](int64_t heads) {
    return at::randn({1, heads, tokens, head_dim}, at::TensorOptions().device(device)).to(dtype);
  };
  const at::Tensor q = random(kHeads), k = random(kKvHeads), v = random(kKvHeads), grad = random(kHeads);
  const auto seconds = [&](const std::function<void()>& run) {
    return nn::fastest_seconds(4, [&] {
      run();
      nn::synchronize(device);
    });
  };
  const double flops = 2 * static_cast<double>(kHeads * head_dim) * static_cast<double>(tokens * (tokens + 1));
  nn::Partial merged;
  const double forward = seconds([&] { merged = nn::segment_forward(q, k, v, true, 0.1); });
  const double backward = seconds([&] { nn::segment_backward(grad, q, k, v, merged, true, 0.1); });
  // Backward five products in place of two.
  return {head_dim, tokens, flops / forward, 2.5 * flops / backward};
}

json::object link_json(const LinkSpeed& links, int64_t ranks) {
  // A small operation takes a start and N - 1 hops; what part is the start cannot be told from one number of ranks.
  const double hop = links.small_seconds / static_cast<double>(ranks);
  return {{"ranks", ranks},
          {"small_operation_s", links.small_seconds},
          {"start_s", hop},
          {"hop_s", hop},
          {"gather_bytes_per_s", links.gather},
          {"sum_parts_bytes_per_s", links.sum_parts},
          {"exchange_bytes_per_s", links.exchange},
          {"link_bytes_per_s", std::min(links.gather, links.sum_parts)}};
}

}  // namespace

DeviceSpeed measure_device(at::ScalarType dtype, at::Device device) {
  DeviceSpeed speed{nn::measure_matmul(dtype, device), nn::measure_bandwidth(device), {}};
  for (const int64_t head_dim : {64, 128}) speed.attention.push_back(measure_attention(head_dim, dtype, device));
  return speed;
}

LinkSpeed measure_links(const parallel::Group& ranks, at::Device device) {
  const at::TensorOptions floats = at::TensorOptions().device(device).dtype(at::kFloat);
  const int64_t size = ranks.size(), part = (int64_t{1} << (device.is_cpu() ? 22 : 26)) / size;  // 16 and 256 MB in all
  const at::Tensor one = at::ones({1}, floats), ones = at::ones({size}, floats);
  const at::Tensor mine = at::ones({part}, floats), all = at::ones({part * size}, floats);
  const std::vector<int64_t> rows(static_cast<size_t>(size), part);
  const auto seconds = [&](int64_t times, const std::function<void()>& run) {
    return nn::fastest_seconds(times, [&] {
      ranks.barrier();
      run();
      nn::synchronize(device);
    });
  };
  const double barrier = seconds(50, [] {});
  const auto rate = [&](const std::function<void()>& run) {
    return static_cast<double>(part * 4 * (size - 1)) / std::max(seconds(5, run) - barrier, 1e-9);
  };
  LinkSpeed links;
  links.small_seconds = std::max(seconds(50, [&] { ranks.gather(ones, one); }) - barrier, 1e-9);
  links.gather = rate([&] { ranks.gather(all, mine); });
  links.sum_parts = rate([&] { ranks.sum_parts(mine, all); });
  links.exchange = rate([&] { ranks.exchange(all, rows, rows); });
  return links;
}

std::string bench_device(const DeviceBenchOptions& options) {
  if (options.threads > 0) at::set_num_threads(static_cast<int>(options.threads));
  Config config;
  config.model.device = options.device;
  const std::shared_ptr<parallel::World> world = open_world(config);
  const at::Device device = nn::open_device(device_of_rank(config, world->rank()));
  world->all().barrier();
  const DeviceSpeed speed = measure_device(parse_dtype(options.dtype), device);
  json::array attention;
  for (const AttentionSpeed& each : speed.attention) {
    attention.push_back({{"head_dim", each.head_dim},
                         {"tokens", each.tokens},
                         {"forward_flops_per_s", each.forward},
                         {"backward_flops_per_s", each.backward}});
  }
  json::object result{{"device", options.device},
                      {"name", nn::describe(device)},
                      {"dtype", options.dtype},
                      {"threads", at::get_num_threads()},
                      {"memory_bytes", nn::memory_of(device)},
                      {"matmul_flops_per_s", speed.matmul},
                      {"memory_bandwidth_bytes_per_s", speed.bandwidth},
                      {"attention", attention},
                      {"ranks", 1}};
  if (const int64_t ranks = world->rank().size; ranks > 1) {
    std::vector<int64_t> everyone(static_cast<size_t>(ranks));
    std::iota(everyone.begin(), everyone.end(), int64_t{0});
    const LinkSpeed links = measure_links(world->group(everyone, "ranks that are measured"), device);
    for (const auto& [key, value] : link_json(links, ranks)) result[key] = value;
    // Each has its part of the memory of a machine that all are on.
    if (device.is_cpu()) result["memory_bytes"] = nn::memory_of(device) / ranks;
    world->all().barrier();  // rank 0 keeps what the others meet at
  }
  return world->is_first() ? json::serialize(result) : "";
}

}  // namespace golong
