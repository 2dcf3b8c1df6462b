#include "core/train/benchmark.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <boost/json.hpp>
#include <sstream>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/random.h"
#include "core/model/safetensors.h"
#include "core/nn/device.h"
#include "core/nn/machine_speed.h"
#include "core/train/flops.h"
#include "core/train/learner.h"
#include "core/train/packing.h"
#include "core/train/timer.h"

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

TrainSpeed measure_training(Model& model, TrainBatch batch, const TrainBenchOptions& options) {
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
  Learner learner(model, config, 1);
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
  speed.peak_bytes = memory.above();
  speed.matmul_flops = nn::measure_matmul(model.dtype(), model.device());
  return speed;
}

}  // namespace golong
