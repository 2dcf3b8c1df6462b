#include "core/train/rollout_benchmark.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <boost/json.hpp>

#include "core/base/error.h"
#include "core/base/json_writer.h"
#include "core/nn/device.h"
#include "core/rollout/benchmark.h"
#include "core/train/benchmark.h"
#include "core/train/ranks.h"
#include "core/train/workspace.h"

namespace golong {

namespace json = boost::json;

std::string bench_rollout(const RolloutBenchOptions& options) {
  keep_memory();
  if (options.threads > 0) at::set_num_threads(static_cast<int>(options.threads));
  Config config;
  config.model.device = options.device;
  const std::shared_ptr<parallel::World> world = open_world(config);
  const int64_t ranks = world->rank().size;
  if (ranks % options.expert != 0) fail("--expert ", options.expert, " does not divide ", ranks, " ranks");
  if (options.groups % ranks != 0) {
    fail("--groups ", options.groups, " cannot be shared out evenly to ", ranks, " ranks; give a multiple of ", ranks);
  }
  const parallel::Mesh mesh(*world, {.replicate = ranks / options.expert, .expert = options.expert});
  const at::Device device = nn::open_device(device_of_rank(config, world->rank()));
  const int64_t groups = options.groups / ranks;
  const RolloutWork work{options.prompt_tokens,       options.n,          options.new_tokens, groups,
                         world->rank().rank * groups, options.repetitions};
  const RolloutSpeed speed = measure_rollout(*model_to_measure(options, device, mesh.expert), work, world->all());
  json::object result{
      {"prompt_tokens", work.prompt_tokens},
      {"n", work.n},
      {"new_tokens", work.new_tokens},
      {"groups", options.groups},
      {"dtype", options.dtype},
      {"device", options.device},
      {"threads", at::get_num_threads()},
      {"seconds", speed.seconds},
      {"time_to_first_token_s", speed.first_token_seconds},
      {"prefill_tokens_per_s", speed.prefill_tokens},
      {"decode_tokens_per_s", speed.decode_tokens},
      {"new_tokens_per_s", static_cast<double>(options.groups * work.n * work.new_tokens) / speed.seconds},
      {"peak_bytes", speed.peak_bytes},
      {"kv_bytes", speed.kv_bytes},
      {"kv_formula_bytes", speed.kv_formula_bytes},
      {"memory_bandwidth_bytes_per_s", speed.memory_bandwidth},
      {"matmul_flops_per_s", speed.matmul_flops},
      {"decode_bandwidth_share", speed.decode_bandwidth_share},
      {"decode_matmul_share", speed.decode_matmul_share}};
  if (ranks == 1) return to_json(result);
  result["ranks"] = ranks;
  result["peak_bytes"] = static_cast<int64_t>(world->all().largest(static_cast<double>(speed.peak_bytes)));
  world->all().barrier();  // rank 0 keeps what the others meet at
  return world->is_first() ? to_json(result) : "";
}

}  // namespace golong
