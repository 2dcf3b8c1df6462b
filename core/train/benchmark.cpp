#include "core/train/benchmark.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <map>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/machine.h"
#include "core/base/random.h"
#include "core/model/safetensors.h"
#include "core/nn/logprob.h"
#include "core/nn/machine_speed.h"
#include "core/train/optimizer.h"
#include "core/train/packing.h"

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

// What a step multiplies: a multiply and an add are two; the backward pass is twice the forward.
double flops_of(const Model& model, const Packed& packed) {
  const ModelShape& shape = model.shape();
  double weights = 0;  // that each token is multiplied with
  for (const auto& [name, tensor] : model.parameters()) {
    if (tensor.dim() < 2 || name == "model.embed_tokens.weight" || name == "lm_head.weight") continue;
    const bool expert = name.find(".mlp.experts.") != std::string::npos;
    weights += static_cast<double>(tensor.numel()) *
               (expert ? static_cast<double>(shape.experts.per_token) / static_cast<double>(shape.experts.count) : 1);
  }
  double pairs = 0;  // of a query and a key that it sees
  for (const nn::GroupLayout& group : packed.layouts) {
    const auto prompt = static_cast<double>(group.prompt);
    pairs += prompt * (prompt + 1) / 2;
    for (int64_t length : group.responses) {
      const auto own = static_cast<double>(length);
      pairs += own * prompt + own * (own + 1) / 2;
    }
  }
  const auto heads = static_cast<double>(shape.heads * shape.head_dim * shape.layers);
  return 3 * (2 * weights * static_cast<double>(packed.token_ids.size(0)) + 4 * heads * pairs +
              2 * static_cast<double>(model.head().numel() * packed.targets.size(0)));
}

// One step on groups that are laid out already.
class Step {
 public:
  Step(Model& model, const TrainBatch& batch, const TrainBenchOptions& options) : model_(model) {
    std::map<const Group*, const std::vector<double>*> advantages;
    std::vector<const Group*> groups;
    for (size_t g = 0; g < batch.groups.size(); ++g) {
      groups.push_back(&batch.groups[g]);
      advantages[groups.back()] = &batch.advantages[g];
    }
    for (const auto& part : split(groups, options.micro_batch_tokens, options.share_prefix)) {
      Micro& micro = micros_.emplace_back();
      micro.packed = pack(part, model.device(), options.share_prefix);
      std::vector<float> values;
      for (const Group* group : part) {
        for (size_t i = 0; i < group->responses.size(); ++i) {
          values.insert(values.end(), group->responses[i].token_ids.size(),
                        static_cast<float>((*advantages.at(group))[i]));
        }
      }
      micro.advantages = at::tensor(values, at::kFloat);
      tokens += micro.packed.token_ids.size(0);
      response_tokens_ += static_cast<int64_t>(values.size());
      flops += flops_of(model, micro.packed);
    }
    if (response_tokens_ == 0) fail("the batch has no response with tokens; nothing can be learned from it");
  }

  // Forward and backward; returns the loss. The gradients are those of the mean over all response tokens.
  double run(AdamW& optimizer) {
    optimizer.zero_grad();
    double loss = 0;
    for (const Micro& micro : micros_) {
      GroupAttention attention(micro.packed.layouts);
      const at::Tensor hidden = model_.hidden(micro.packed.token_ids, micro.packed.positions, attention);
      const at::Tensor logprobs =
          nn::token_logprobs(hidden.index_select(0, micro.packed.rows), model_.head(), micro.packed.targets).logprobs;
      const at::Tensor ratio = (logprobs - logprobs.detach()).exp();
      const at::Tensor part = (ratio * micro.advantages).sum().neg() / static_cast<double>(response_tokens_);
      part.backward();
      optimizer.accumulate();
      loss += part.item<double>();
    }
    return loss;
  }

  int64_t tokens = 0;
  double flops = 0;

 private:
  struct Micro {
    Packed packed;
    at::Tensor advantages;
  };
  Model& model_;
  std::vector<Micro> micros_;
  int64_t response_tokens_ = 0;
};

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
  TrainBatch batch;
  for (size_t g = 0; g < prompts.size(); ++g) {
    const std::string at = "[" + std::to_string(g) + "]";
    Group& group = batch.groups.emplace_back();
    group.prompt.token_ids = token_ids(prompts[g], vocabulary, file + ": prompt_ids" + at);
    if (group.prompt.token_ids.empty()) fail(file, ": prompt_ids", at, ": a prompt has at least one token");
    if (!responses[g].is_array()) fail(file, ": response_ids", at, ": expected a list of responses");
    for (const json::value& ids : responses[g].as_array()) {
      group.responses.emplace_back().token_ids = token_ids(ids, vocabulary, file + ": response_ids" + at);
    }
    std::vector<double>& values = batch.advantages.emplace_back();
    const json::array* numbers = advantages[g].if_array();
    if (!numbers || numbers->size() != group.responses.size()) {
      fail(file, ": advantages", at, ": expected a number for each of the ", group.responses.size(), " responses");
    }
    for (const json::value& number : *numbers) {
      if (!number.is_number()) fail(file, ": advantages", at, ": expected numbers, found ", json::serialize(number));
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

TrainSpeed measure_training(Model& model, const TrainBatch& batch, const TrainBenchOptions& options) {
  TrainSpeed speed;
  const ProcessMemory memory;
  AdamW optimizer(model.parameters(), {});
  Step step(model, batch, options);
  speed.tokens = step.tokens;
  speed.flops = step.flops;
  speed.loss = step.run(optimizer);
  speed.gradient_norm = optimizer.gradient_norm();
  if (!options.dump_gradients.empty()) {
    NamedTensors gradients;
    for (const auto& [name, tensor] : model.parameters()) gradients.emplace_back(name, optimizer.gradient(name));
    write_safetensors(options.dump_gradients, gradients);
  }
  optimizer.step(1e-6);
  std::vector<double> seconds;
  for (int64_t i = 0; i < options.repetitions; ++i) {
    seconds.push_back(nn::fastest_seconds(1, [&] {
      step.run(optimizer);
      const double norm = optimizer.gradient_norm();
      optimizer.step(1e-6, norm > 1 ? 1 / norm : 1);
    }));
  }
  std::sort(seconds.begin(), seconds.end());
  speed.median_seconds = seconds[seconds.size() / 2];
  speed.peak_bytes = memory.peak_above();
  speed.matmul_flops = nn::measure_matmul(model.dtype());
  return speed;
}

}  // namespace golong
