#include "core/train/sft.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <sstream>

#include "core/base/error.h"
#include "core/data/sampler.h"
#include "core/nn/logprob.h"
#include "core/report/log.h"
#include "core/report/progress.h"
#include "core/train/forward.h"
#include "core/train/optimizer.h"
#include "core/train/packing.h"
#include "core/train/schedule.h"
#include "core/train/workspace.h"

namespace golong {
namespace {

// A prompt with its perfect answer as the only response.
Group gold_group(Prompt prompt, const Workspace& w) {
  Group group;
  group.responses.resize(1);
  group.responses[0].token_ids = w.prompts->gold_response(prompt, *w.tokenizer);
  group.prompt = std::move(prompt);
  return group;
}

struct Losses {
  at::Tensor response;  // sums of negative log-probabilities
  at::Tensor prompt;    // undefined where prompts are not trained on
};

Losses losses(const Model& model, const Packed& packed, const SftConfig& config) {
  GroupAttention attention(packed.layouts);
  const int64_t recomputed =
      layers_to_recompute(model, packed.token_ids.size(0), config.recompute, config.activation_bytes);
  at::Tensor hidden = model.hidden(packed.token_ids, packed.positions, attention, recomputed);
  auto sum = [&](const at::Tensor& rows, const at::Tensor& targets) {
    return -nn::token_logprobs(hidden.index_select(0, rows), model.head(), targets).logprobs.sum();
  };
  return {sum(packed.rows, packed.targets),
          config.prompt_loss_weight > 0 ? sum(packed.prompt_rows, packed.prompt_targets) : at::Tensor()};
}

std::vector<const Group*> pointers(const std::vector<Group>& groups) {
  std::vector<const Group*> all;
  all.reserve(groups.size());
  for (const Group& group : groups) all.push_back(&group);
  return all;
}

class Sft {
 public:
  Sft(const Config& config, Workspace& w)
      : config_(config),
        w_(w),
        optimizer_(w.model->parameters(), {config.sft.beta1, config.sft.beta2, 1e-8, config.sft.weight_decay,
                                           config.sft.optimizer_device == "cpu"}),
        schedule_{config.sft.learning_rate, config.sft.min_learning_rate, config.sft.warmup_steps, config.sft.steps,
                  "cosine"} {}

  double learning_rate(int64_t step) const { return schedule_.at(step); }

  // One update; returns the mean loss of the response tokens.
  double step(const std::vector<Group>& groups, int64_t number) {
    const double prompt_weight = config_.sft.prompt_loss_weight;
    double response_tokens = 0, prompt_tokens = 0, total = 0;
    for (const Group& group : groups) {
      response_tokens += static_cast<double>(group.responses[0].token_ids.size());
      prompt_tokens += static_cast<double>(group.prompt.token_ids.size() - 1);
    }
    double weight = response_tokens + prompt_weight * prompt_tokens;
    optimizer_.zero_grad();
    for (const auto& part : split(pointers(groups), config_.sft.micro_batch_tokens)) {
      Losses sums = losses(*w_.model, pack(part, w_.model->device()), config_.sft);
      at::Tensor loss = sums.prompt.defined() ? sums.response + sums.prompt * prompt_weight : sums.response;
      (loss / weight).backward();
      optimizer_.accumulate();
      total += sums.response.item<double>();
    }
    double norm = optimizer_.gradient_norm();
    if (!std::isfinite(norm)) fail("step ", number, ": the gradient is not finite; lower sft.learning_rate");
    double limit = config_.sft.clip_grad_norm;
    optimizer_.step(learning_rate(number), limit > 0 && norm > limit ? limit / norm : 1.0);
    return total / response_tokens;
  }

  // Mean loss of response tokens, over all and by task.
  std::map<std::string, double> evaluate(const std::vector<Group>& groups) const {
    c10::NoGradGuard no_grad;
    std::map<std::string, std::pair<double, double>> sums;
    for (const auto& part : split(pointers(groups), config_.sft.micro_batch_tokens)) {
      Packed packed = pack(part, w_.model->device());
      GroupAttention attention(packed.layouts);
      at::Tensor hidden = w_.model->hidden(packed.token_ids, packed.positions, attention);
      at::Tensor logprobs =
          nn::token_logprobs(hidden.index_select(0, packed.rows), w_.model->head(), packed.targets).logprobs;
      int64_t row = 0;
      for (const Group* group : part) {
        int64_t count = static_cast<int64_t>(group->responses[0].token_ids.size());
        double loss = -logprobs.narrow(0, row, count).sum().item<double>();
        for (const std::string& key : {std::string("all"), group->prompt.task}) {
          sums[key].first += loss;
          sums[key].second += static_cast<double>(count);
        }
        row += count;
      }
    }
    std::map<std::string, double> means;
    for (const auto& [key, sum] : sums) means[key] = sum.first / sum.second;
    return means;
  }

 private:
  const Config& config_;
  Workspace& w_;
  AdamW optimizer_;
  Schedule schedule_;
};

std::vector<Group> held_out(const Config& config, const Workspace& w) {
  std::vector<Group> groups;
  if (config.data.eval.empty()) return groups;
  std::shared_ptr<const Dataset> dataset = w.dataset(config, config.data.eval);
  std::map<std::string, int64_t> taken;
  for (size_t i = 0; i < dataset->size(); ++i) {
    if (config.eval.rows_per_task > 0 && ++taken[dataset->task(i)] > config.eval.rows_per_task) continue;
    groups.push_back(gold_group(dataset->prompt(i), w));
  }
  return groups;
}

}  // namespace

void run_sft(const Config& config, std::shared_ptr<const plugin::Registry> registry, const std::string& output,
             const std::string& dtype, StopFlag* stop) {
  if (config.data.train.empty()) fail("data.train names no file");
  Workspace w = Workspace::open(config, std::move(registry), config.sft.seed);
  std::shared_ptr<const Dataset> rows = w.dataset(config, config.data.train);
  std::vector<Group> eval_groups = held_out(config, w);
  Sampler sampler(rows, static_cast<uint64_t>(config.sft.seed), config.data.shuffle, config.data.task_weights);
  Sft sft(config, w);
  auto save = [&] {
    save_model(*w.model, output, parse_dtype(dtype.empty() ? config.model.dtype : dtype), config.model.path);
  };
  auto report = [&](int64_t step) {
    if (eval_groups.empty()) return;
    std::ostringstream line;
    for (const auto& [task, loss] : sft.evaluate(eval_groups))
      line << " " << task << " " << std::round(loss * 1000) / 1000;
    log::info("step ", step, ", held-out loss:", line.str());
  };
  Progress progress("sft", config.sft.steps, {.plain_every = 50});
  double tokens = 0, smoothed = 0;
  auto started = std::chrono::steady_clock::now();
  int64_t step = 0;
  for (; step < config.sft.steps && !stop_asked(stop); ++step) {
    std::vector<Group> groups;
    for (Prompt& prompt : sampler.next(static_cast<size_t>(config.sft.rows_per_step))) {
      groups.push_back(gold_group(std::move(prompt), w));
      tokens +=
          static_cast<double>(groups.back().prompt.token_ids.size() + groups.back().responses[0].token_ids.size());
    }
    double loss = sft.step(groups, step);
    smoothed = step == 0 ? loss : 0.95 * smoothed + 0.05 * loss;
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    std::ostringstream shown;
    shown.precision(4);
    shown << smoothed;
    progress.update(step + 1,
                    {{"loss", shown.str()}, {"tokens/s", std::to_string(static_cast<int64_t>(tokens / seconds))}});
    if (config.sft.eval_every > 0 && (step + 1) % config.sft.eval_every == 0 && step + 1 < config.sft.steps) {
      report(step + 1);
      save();
    }
  }
  report(step);
  save();
  log::info("wrote ", output);
}

}  // namespace golong
