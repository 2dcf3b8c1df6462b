#include "core/train/benchmark.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <boost/json.hpp>
#include <sstream>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_writer.h"
#include "core/base/random.h"
#include "core/model/safetensors.h"
#include "core/nn/device.h"
#include "core/nn/machine_speed.h"
#include "core/scale/seconds.h"
#include "core/train/flops.h"
#include "core/train/packing.h"
#include "core/train/ranks.h"
#include "core/train/timer.h"
#include "core/train/workspace.h"

namespace golong {
namespace {

namespace json = boost::json;

// Token ids of a JSON list.
std::vector<int32_t> token_ids(const json::value& value, int64_t vocabulary, const std::string& where) {
  if (!value.is_array()) fail(where, ": expected a list of token ids");
  std::vector<int32_t> ids;
  for (const json::value& id : value.as_array()) {
    if (!id.is_int64() || id.as_int64() < 0 || id.as_int64() >= vocabulary) {
      fail(where, ": expected ids from 0 to ", vocabulary - 1, ", found ", json::serialize(id));
    }
    ids.push_back(static_cast<int32_t>(id.as_int64()));
  }
  return ids;
}

const json::array& list(const json::value& root, const char* key, const std::string& file) {
  const json::value* value = root.is_object() ? root.as_object().if_contains(key) : nullptr;
  if (!value || !value->is_array()) fail(file, ": ", key, ": expected a list with an entry for each group");
  return value->as_array();
}

}  // namespace

TrainBatch read_train_batch(const std::string& file, int64_t vocabulary) {
  boost::system::error_code error;
  const json::value root = json::parse(read_file(file), error);
  if (error) fail(file, ": is no JSON: ", error.message());
  const json::array &prompts = list(root, "prompt_ids", file), &responses = list(root, "response_ids", file),
                    &advantages = list(root, "advantages", file);
  if (prompts.size() != responses.size() || prompts.size() != advantages.size()) {
    fail(file, ": prompt_ids, response_ids and advantages have ", prompts.size(), ", ", responses.size(), " and ",
         advantages.size(), " groups; they belong together one by one");
  }
  const auto where = [&](const char* key, size_t g) {
    std::ostringstream text;
    text << file << ": " << key << "[" << g << "]";
    return text.str();
  };
  TrainBatch batch;
  for (size_t g = 0; g < prompts.size(); ++g) {
    Group& group = batch.groups.emplace_back();
    group.prompt.token_ids = token_ids(prompts[g], vocabulary, where("prompt_ids", g));
    if (group.prompt.token_ids.empty()) fail(where("prompt_ids", g), ": a prompt has at least one token");
    if (!responses[g].is_array()) fail(where("response_ids", g), ": expected a list of responses");
    for (const json::value& ids : responses[g].as_array()) {
      group.responses.emplace_back().token_ids = token_ids(ids, vocabulary, where("response_ids", g));
    }
    std::vector<double>& values = batch.advantages.emplace_back();
    const json::array* numbers = advantages[g].if_array();
    if (!numbers || numbers->size() != group.responses.size()) {
      fail(where("advantages", g), ": expected a number for each of the ", group.responses.size(), " responses");
    }
    for (const json::value& number : *numbers) {
      if (!number.is_number()) fail(where("advantages", g), ": expected numbers, found ", json::serialize(number));
      values.push_back(number.to_number<double>());
    }
  }
  return batch;
}

TrainBatch random_train_batch(const TrainBenchOptions& options, int64_t vocabulary) {
  TrainBatch batch;
  RandomSequence random(random_key({7}));
  const auto tokens = [&](int64_t count) {
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < count; ++i) {
      ids.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(vocabulary))));
    }
    return ids;
  };
  for (int64_t g = 0; g < options.groups; ++g) {
    Group& group = batch.groups.emplace_back();
    group.prompt.token_ids = tokens(options.prompt_tokens);
    std::vector<double>& advantages = batch.advantages.emplace_back();
    for (int64_t i = 0; i < options.n; ++i) {
      group.responses.emplace_back().token_ids = tokens(options.response_tokens);
      advantages.push_back(2 * random.uniform() - 1);
    }
  }
  return batch;
}

namespace {

int64_t state_bytes(const Model& model, const Learner& learner, const ShardedStates* states) {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : learner.optimizer().state()) bytes += static_cast<int64_t>(tensor.nbytes());
  if (!states) {
    for (const auto& [name, tensor] : model.parameters()) {
      bytes += static_cast<int64_t>(tensor.nbytes()) + 4 * tensor.numel();
    }
    return bytes;
  }
  for (const parallel::Piece& piece : states->pieces()) {
    bytes += static_cast<int64_t>(piece.weight.nbytes() + piece.gradient.nbytes());
  }
  return bytes;
}

}  // namespace

TrainSpeed measure_training(Model& model, TrainBatch batch, const TrainBenchOptions& options, LearnerRanks ranks) {
  TrainSpeed speed;
  std::vector<const Group*> groups;
  for (Group& group : batch.groups) {
    groups.push_back(&group);
    for (Response& response : group.responses) response.sampled_logprobs.assign(response.token_ids.size(), 0);
  }
  for (const Group* group : groups) speed.tokens += packed_tokens(*group, options.share_prefix);
  speed.flops = 3 * forward_flops(model, groups, options.share_prefix);
  TrainConfig config;
  config.reduction = "token_mean";
  config.learning_rate = 1e-6;
  config.warmup_steps = 0;
  config.micro_batch_tokens = options.micro_batch_tokens;
  config.share_prefix = options.share_prefix;
  config.recompute = options.recompute;
  config.activation_bytes = options.activation_bytes;
  config.optimizer_device = options.optimizer_device;
  const nn::PeakMemory memory(model.device());
  Learner learner(model, config, 1, 1, nullptr, ranks);
  const Metrics first = learner.update(batch.groups, batch.advantages);
  if (!first.contains("train/loss")) fail("the loss or a gradient of the batch is not finite");
  speed.loss = first.at("train/loss");
  speed.gradient_norm = first.at("train/grad_norm");
  if (!options.dump_gradients.empty()) {
    NamedTensors gradients;
    for (const auto& [name, tensor] : model.parameters()) {
      gradients.emplace_back(name, learner.optimizer().gradient(name));
    }
    write_safetensors(options.dump_gradients, gradients);
  }
  std::vector<double> seconds;
  for (int64_t i = 0; i < options.repetitions; ++i) {
    Timer timer;
    learner.update(batch.groups, batch.advantages);
    nn::synchronize(model.device());
    seconds.push_back(timer.lap());
  }
  std::sort(seconds.begin(), seconds.end());
  speed.median_seconds = seconds[seconds.size() / 2];
  speed.updates = options.repetitions + 1;
  speed.state_bytes = state_bytes(model, learner, ranks.states);
  speed.peak_bytes = memory.above();
  speed.matmul_flops = nn::measure_matmul(model.dtype(), model.device());
  return speed;
}

std::unique_ptr<Model> model_to_measure(const EngineBenchOptions& options, at::Device device,
                                        const parallel::Group& experts) {
  const at::ScalarType dtype = parse_dtype(options.dtype);
  if (has_weights(options.model)) return load_model(options.model, dtype, device, experts);
  return make_model(read_shape(options.model), dtype, device, 0, experts);
}

namespace {

// What the model of scale says that a rank sends for an update of random groups.
int64_t formula_bytes(const Model& model, const TrainBenchOptions& options) {
  scale::Workload work;
  work.shape = model.shape();
  work.number_bytes = static_cast<int64_t>(c10::elementSize(model.dtype()));
  work.longest = work.usual = {options.prompt_tokens, options.response_tokens, options.n};
  work.train.micro_batch_tokens = options.micro_batch_tokens;
  work.train.share_prefix = options.share_prefix;
  work.train.recompute = options.recompute;
  work.train.activation_bytes = options.activation_bytes;
  work.groups = options.groups;
  work.on_cpu = model.device().is_cpu();
  return scale::update_bytes(work, options.parallel);
}

void check_lengths(const TrainBatch& batch, int64_t positions) {
  for (const Group& group : batch.groups) {
    for (const Response& response : group.responses) {
      const size_t prompt = group.prompt.token_ids.size(), tokens = response.token_ids.size();
      if (static_cast<int64_t>(prompt + tokens) <= positions) continue;
      fail("a prompt of ", prompt, " and a response of ", tokens, " tokens are more than the model's ", positions,
           " positions; lower --prompt-tokens or --response-tokens, or shorten what --batch holds");
    }
  }
}

json::object numbers_of(const TrainSpeed& speed, const TrainBenchOptions& options) {
  return {{"dtype", options.dtype},
          {"device", options.device},
          {"threads", at::get_num_threads()},
          {"share_prefix", options.share_prefix},
          {"recompute", options.recompute},
          {"median_s", speed.median_seconds},
          {"peak_bytes", speed.peak_bytes},
          {"loss", speed.loss},
          {"grad_norm", speed.gradient_norm},
          {"tokens", speed.tokens},
          {"flops", speed.flops},
          {"flops_per_s", speed.flops / speed.median_seconds},
          {"matmul_flops_per_s", speed.matmul_flops},
          {"state_bytes", speed.state_bytes}};
}

}  // namespace

std::string bench_train(const TrainBenchOptions& options) {
  keep_memory();
  if (options.threads > 0) at::set_num_threads(static_cast<int>(options.threads));
  Config config;
  config.model.device = options.device;
  config.parallel = options.parallel;
  const std::shared_ptr<parallel::World> world = open_world(config);
  const parallel::Mesh mesh(*world, mesh_shape(options.parallel));
  if (!mesh.alone() && !options.dump_gradients.empty()) {
    fail("--dump-gradients writes those of one process; run it without golong launch");
  }
  if (!is_replaceable(options.dump_gradients)) {
    fail("--dump-gradients ", options.dump_gradients, " is a folder, a device or a link; expected a file");
  }
  const at::Device device = nn::open_device(device_of_rank(config, world->rank()));
  const nn::PeakMemory without_model(device);
  const std::unique_ptr<Model> model = model_to_measure(options, device, mesh.expert);
  const int64_t vocabulary = model->shape().vocabulary;
  TrainBatch batch =
      options.batch.empty() ? random_train_batch(options, vocabulary) : read_train_batch(options.batch, vocabulary);
  check_lengths(batch, model->shape().max_positions);
  if (mesh.alone()) {
    json::object result = numbers_of(measure_training(*model, std::move(batch), options), options);
    result["total_bytes"] = without_model.above();
    return to_json(result);
  }
  ShardedStates states(*model, mesh, static_cast<parallel::Split>(options.parallel.zero));
  const nn::ContextMethod method = nn::parse_context_method(options.parallel.context_method);
  const TrainSpeed speed = measure_training(*model, std::move(batch), options, {&mesh, &states, nullptr, method});
  json::object result = numbers_of(speed, options);
  result["ranks"] = world->rank().size;
  const auto largest = [&](int64_t bytes) {
    return static_cast<int64_t>(world->all().largest(static_cast<double>(bytes)));
  };
  result["peak_bytes"] = largest(speed.peak_bytes);
  result["total_bytes"] = largest(without_model.above());
  result["state_bytes"] = largest(speed.state_bytes);
  result["sent_bytes"] = world->traffic().bytes_sent / speed.updates;  // by this rank, for an update
  if (options.batch.empty()) result["sent_formula_bytes"] = formula_bytes(*model, options);
  result["wait_seconds"] = world->traffic().seconds / static_cast<double>(speed.updates);
  world->all().barrier();  // rank 0 keeps what the others meet at
  return world->is_first() ? to_json(result) : "";
}

}  // namespace golong
