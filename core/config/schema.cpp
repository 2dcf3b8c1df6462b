#include "core/config/schema.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string_view>

#include "core/text/chat_template.h"

namespace golong {
namespace {

std::string number(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

template <class Section>
void table(ConfigVisitor& visitor, const char* name, const char* help, Section& section) {
  visitor.begin_table(name, help);
  describe(visitor, section);
  visitor.end_table();
}

// What GRPO and supervised training have in common to make memory do.
template <class Section>
void describe_memory(ConfigVisitor& visitor, Section& section) {
  visitor.key("recompute", &section.recompute,
              "Layers that keep their input alone and run again in the backward pass, with the same gradients: none, "
              "all of them, or as few as keep the activations within activation_bytes.",
              one_of({"off", "all", "auto"}));
  visitor.key("activation_bytes", &section.activation_bytes,
              "With recompute auto: what the layers may keep of a micro-batch for its backward pass.", at_least(0));
  visitor.key(
      "optimizer_device", &section.optimizer_device,
      "Where AdamW's moments and, of a bfloat16 model, its weights in float32 lie and are updated: on the device "
      "of the model, or on the CPU, in whose memory a model on CUDA leaves 12 bytes a parameter then (8 in "
      "float32). With a model on the CPU both are the same.",
      one_of({"model", "cpu"}));
}

}  // namespace

std::string to_string(const Limits& limits) {
  if (!limits.choices.empty()) {
    std::vector<std::string> all = limits.choices;
    if (!limits.numbered.empty()) all.push_back(limits.numbered + "N");
    std::string text;
    for (size_t i = 0; i < all.size(); ++i) {
      if (i > 0) text += i + 1 == all.size() ? " or " : ", ";
      text += '"' + all[i] + '"';
    }
    return text;
  }
  const bool low = std::isfinite(limits.minimum), high = std::isfinite(limits.maximum);
  if (low && high && !limits.open_minimum && !limits.open_maximum) {
    return "from " + number(limits.minimum) + " to " + number(limits.maximum);
  }
  std::string text;
  if (low) text = limits.open_minimum ? "above " + number(limits.minimum) : "at least " + number(limits.minimum);
  if (low && high) text += ", ";
  if (high) text += (limits.open_maximum ? "below " : "at most ") + number(limits.maximum);
  return text;
}

bool within(const Limits& limits, double value) {
  if (!std::isfinite(value)) return false;
  const bool low = limits.open_minimum ? value > limits.minimum : value >= limits.minimum;
  const bool high = limits.open_maximum ? value < limits.maximum : value <= limits.maximum;
  return low && high;
}

bool within(const Limits& limits, const std::string& value) {
  if (limits.choices.empty() || std::ranges::find(limits.choices, value) != limits.choices.end()) return true;
  if (limits.numbered.empty() || !value.starts_with(limits.numbered)) return false;
  const std::string_view digits = std::string_view(value).substr(limits.numbered.size());
  return !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string type_name(const ConfigValue& value) {
  static const char* const names[] = {"true or false", "an integer",        "a number",          "a number",
                                      "a string",      "a list of strings", "a table of numbers"};
  static_assert(std::size(names) == std::variant_size_v<ConfigValue>);
  return names[value.index()];
}

void describe(ConfigVisitor& visitor, RunConfig& run) {
  visitor.key("directory", &run.directory, "Folder of the run: checkpoints, metrics.jsonl, report.html.");
  visitor.key("threads", &run.threads, "Threads of LibTorch; 0: all cores.", from_to(0, 4096));
}

void describe(ConfigVisitor& visitor, PluginsConfig& plugins) {
  visitor.key("path", &plugins.path,
              "Plugin libraries, or folders that are searched for them; before GOLONG_PLUGIN_PATH and the built-in "
              "plugins.");
}

void describe(ConfigVisitor& visitor, ModelConfig& model) {
  visitor.key("path", &model.path, "Hugging Face folder: config.json, tokenizer.json, *.safetensors.");
  visitor.key("dtype", &model.dtype, "Type of the weights and activations in memory.", one_of({"float32", "bfloat16"}));
  visitor.key("chat_template", &model.chat_template, "How messages become text.", one_of(ChatTemplate::names()));
  visitor.key("device", &model.device,
              "Where the model runs; \"cuda\" is the first CUDA device, \"cuda:1\" the second.",
              {.choices = {"cpu", "cuda"}, .numbered = "cuda:"});
  visitor.key("deterministic", &model.deterministic,
              "On CUDA: the same run gives the same bits, so that a resumed one goes on exactly; the backward pass of "
              "attention takes up to three times as long. The CPU always does.");
}

void describe(ConfigVisitor& visitor, DataConfig& data) {
  visitor.key("train", &data.train,
              "Training rows: JSONL and Parquet files, folders of them, patterns (`data/*.parquet`, in the order of "
              "their names); "
              "relative to the working directory.");
  visitor.key("eval", &data.eval, "Held-out rows, likewise; none: a training measures nothing before and after.");
  visitor.key("max_prompt_tokens", &data.max_prompt_tokens,
              "Rows whose prompt has more tokens are left out, counted and reported.", at_least(1));
  visitor.key("shuffle", &data.shuffle, "Shuffle the rows of each epoch, keyed by train.seed.");
  visitor.key("task_weights", &data.task_weights,
              "Relative share of the prompts for each task id, e.g. `{ graded_ranking = 2.0 }`; empty: as in the data.",
              at_least(0));
  visitor.key("cache", &data.cache, "Folder for token counts of prompts.");
}

void describe(ConfigVisitor& visitor, RolloutConfig& rollout) {
  visitor.key("n", &rollout.n, "Responses to each prompt (the size of a group).", at_least(1));
  visitor.key("max_response_tokens", &rollout.max_response_tokens, "A response ends after this many tokens.",
              at_least(1));
  visitor.key("temperature", &rollout.temperature, "Sampling temperature; the policy that is trained has it, too.",
              above(0));
  visitor.key("top_p", &rollout.top_p, "Keep the smallest set of tokens with this probability mass; 1: all.",
              above_to(0, 1));
  visitor.key("top_k", &rollout.top_k, "Keep this many most probable tokens; 0: all.", at_least(0));
  visitor.key("min_p", &rollout.min_p, "Keep tokens with at least this share of the highest probability; 0: all.",
              from_to(0, 1));
  visitor.key("repetition_penalty", &rollout.repetition_penalty,
              "Divides the positive logits of tokens that stand in the prompt or the response, multiplies the negative "
              "ones; 1: none.",
              above(0));
  visitor.key("stop", &rollout.stop,
              "Texts that end a response, which then ends before them; its tokens hold them. Also in evaluations.");
  visitor.key("max_running_responses", &rollout.max_running_responses, "Responses that are decoded together.",
              at_least(1));
  visitor.key(
      "prefill_chunk_tokens", &rollout.prefill_chunk_tokens,
      "A prompt is computed in pieces of this many tokens, which bounds the memory; 0: 2048 on the CPU, 8192 on "
      "CUDA.",
      at_least(0));
  visitor.key(
      "kv_cache_bytes", &rollout.kv_cache_bytes,
      "Memory for keys and values. Responses that find no room wait, and go on later with the same tokens; 0: half "
      "of the machine's memory, on CUDA a third of the device's.",
      at_least(0));
  visitor.key("share_prefixes", &rollout.share_prefixes,
              "Compute what prompts have in common at their beginning once, in steps of 64 tokens.");
  visitor.key("batch_invariant", &rollout.batch_invariant,
              "Give the same bits whatever is decoded beside a response, at some cost in speed.");
}

void describe(ConfigVisitor& visitor, RewardsConfig& rewards) {
  visitor.key(
      "mode", &rewards.mode,
      "Default of every reward's parameter `mode`: as the published code computes it, or with its quirks mended.",
      one_of({"released", "strict"}));
  visitor.key("gate", &rewards.gate, "A response without exactly one `</think>` scores 0.");
  visitor.key("deadline_seconds", &rewards.deadline_seconds,
              "Time for one response, counted from when its scoring starts.", above_to(0, 86400));
  visitor.key("threads", &rewards.threads, "Scoring threads; 0: all cores, shared out among the ranks of a machine.",
              from_to(0, 4096));
  visitor.key("max_hung_calls", &rewards.max_hung_calls,
              "A call that ignores its deadline holds its thread for as long as it runs. With this many at a time the "
              "run stops. Calls of isolated rewards are killed and never count.",
              at_least(1));
  visitor.key("isolate_memory_mb", &rewards.isolate_memory_mb,
              "Address space in MiB of each worker process of an isolated reward (`[rewards.ID] isolate = true`); a "
              "reward that asks for more is killed, and its response an error; 0: no limit.",
              at_least(0));
  visitor.key("timeout_reward", &rewards.timeout_reward,
              "Reward of a response whose scoring took too long; unset: it is left out of all statistics and gets "
              "advantage 0.");
  visitor.key("error_reward", &rewards.error_reward,
              "Reward of a response whose scoring failed; unset: as for timeout_reward.");
}

void describe(ConfigVisitor& visitor, RolloutCorrectionConfig& correction) {
  visitor.key("mode", &correction.mode,
              "The loss of a token is weighted by w, its probability under the trainer over that under the rollout. "
              "clip: by w, or 0 where w is outside `[lower, upper]`; mask: by 1 inside, 0 outside; truncate: by the "
              "smaller of w and `upper`; none: not at all.",
              one_of({"none", "clip", "mask", "truncate"}));
  visitor.key("level", &correction.level,
              "w of a token by itself; or the same for all tokens of a response: the product of their ratios "
              "(sequence), or their geometric mean.",
              one_of({"token", "sequence", "geometric"}));
  visitor.key("upper", &correction.upper, "Largest weight that counts.", above(0));
  visitor.key("lower", &correction.lower, "Smallest weight that counts; not used by truncate.", at_least(0));
  visitor.key("veto", &correction.veto,
              "A response with any token whose own ratio is below this counts for nothing; 0: no veto.",
              from_below(0, 1));
}

void describe(ConfigVisitor& visitor, RatioClip& clip) {
  visitor.key("clip_low", &clip.clip_low, "The ratio is clipped below 1 - clip_low; 1: no lower clip.", from_to(0, 1));
  visitor.key("clip_high", &clip.clip_high, "The ratio is clipped above 1 + clip_high.", at_least(0));
}

void describe(ConfigVisitor& visitor, KlConfig& kl) {
  visitor.key("estimator", &kl.estimator,
              "Estimator of the divergence, from d = log-probability of the policy minus the reference's: k1 is d, k2 "
              "is d^2 / 2, k3 is exp(-d) + d - 1. As a loss k1 has no gradient on average: it is there to be "
              "compared with. None: no reference model is loaded.",
              one_of({"none", "k1", "k2", "k3"}));
  visitor.key("coefficient", &kl.coefficient, "Times the estimate is added to the loss; 0: it is only reported.",
              at_least(0));
}

void describe(ConfigVisitor& visitor, OverlongConfig& overlong) {
  visitor.key("filter", &overlong.filter,
              "Responses that rollout.max_response_tokens ended get no loss; their rewards count for their group.");
  visitor.key("buffer_tokens", &overlong.buffer_tokens,
              "Over this many tokens before rollout.max_response_tokens a penalty rises from 0, and is taken from the "
              "reward before the normalizer sees it; 0: no penalty.",
              at_least(0));
  visitor.key("penalty", &overlong.penalty, "The penalty of a response of rollout.max_response_tokens tokens.",
              above(0));
}

void describe(ConfigVisitor& visitor, TrainConfig& train) {
  visitor.key("normalizer", &train.normalizer, "Normalizer plugin that turns rewards into advantages.");
  visitor.key("norm_key", &train.norm_key,
              "What counts as one task for the normalizer: the metric of the reward, or the task id.",
              one_of({"metric", "task"}));
  visitor.key("seed", &train.seed, "Seed of the shuffle and of the sampling noise.", at_least(0));
  visitor.key("steps", &train.steps, "Steps to train; 0: as train.epochs gives.", at_least(0));
  visitor.key("epochs", &train.epochs,
              "Passes over the data, where train.steps is 0: so many steps as there are in it where a step draws "
              "prompts once. Steps that draw again to be full (filter_groups) make it more passes.",
              at_least(1));
  visitor.key("prompts_per_step", &train.prompts_per_step, "Groups in one step.", at_least(1));
  visitor.key("mini_batch_prompts", &train.mini_batch_prompts,
              "Groups in one optimizer step; divides prompts_per_step; 0: all of them.", at_least(0));
  visitor.key("updates_per_batch", &train.updates_per_batch, "Passes over the groups of a step.", at_least(1));
  visitor.key(
      "micro_batch_tokens", &train.micro_batch_tokens,
      "Packed tokens of one forward and backward pass, which bounds the memory. Of a group with more the prompt is "
      "computed once and kept, and its responses are run part by part.",
      at_least(1));
  visitor.key("share_prefix", &train.share_prefix,
              "Compute each prompt once for all its responses; false: once for each, with the same gradients.");
  describe_memory(visitor, train);
  visitor.key("filter_groups", &train.filter_groups,
              "Leave out groups whose rewards are all equal, and draw more prompts until the step is full.");
  visitor.key("keep_surplus", &train.keep_surplus,
              "Groups that a full step has no room for wait for the next step instead of being dropped. They were "
              "generated by older weights.");
  visitor.key("generation_prompts", &train.generation_prompts,
              "Prompts drawn at a time, where filter_groups leaves some out; 0: four times prompts_per_step.",
              at_least(0));
  visitor.key("max_generation_batches", &train.max_generation_batches,
              "A step that is not full after this many draws is an error.", at_least(1));
  visitor.key("learning_rate", &train.learning_rate, "Highest learning rate of AdamW.", at_least(0));
  visitor.key(
      "learning_rate_decay", &train.learning_rate_decay,
      "How the learning rate falls after the warm-up, until the last step. A resumed run that has another number "
      "of steps than before goes on along the decay over the new number.",
      one_of({"none", "linear", "cosine"}));
  visitor.key("min_learning_rate", &train.min_learning_rate, "Where the decay ends.", at_least(0));
  visitor.key("warmup_steps", &train.warmup_steps, "Optimizer steps in which the learning rate rises from 0.",
              at_least(0));
  visitor.key("weight_decay", &train.weight_decay, "Decoupled weight decay.", at_least(0));
  visitor.key("beta1", &train.beta1, "Decay of AdamW's first moment.", from_below(0, 1));
  visitor.key("beta2", &train.beta2, "Decay of AdamW's second moment.", from_below(0, 1));
  visitor.key("adam_epsilon", &train.adam_epsilon, "Added to the root of the second moment.", above(0));
  visitor.key("clip_grad_norm", &train.clip_grad_norm, "Largest norm of the gradient; 0: not clipped.", at_least(0));
  visitor.key("max_skipped_updates", &train.max_skipped_updates,
              "An update whose loss or gradient is not finite is left out. After this many in a row the run stops, and "
              "the batch is written into its folder.",
              at_least(1));
  visitor.key("loss", &train.loss, "Which policy loss is minimised: docs/reference/losses.md.",
              one_of({"ppo", "gspo", "cispo"}));
  visitor.key("clip_low", &train.clip_low, "Loss ppo: the probability ratio is clipped below 1 - clip_low.",
              from_below(0, 1));
  visitor.key("clip_high", &train.clip_high, "Loss ppo: the probability ratio is clipped above 1 + clip_high.",
              at_least(0));
  visitor.key("dual_clip", &train.dual_clip,
              "Loss ppo: with a negative advantage the loss of a token is at most this times its advantage's size; 0: "
              "off, else "
              "above 1.",
              at_least(0));
  visitor.key("reduction", &train.reduction,
              "The loss of a step: mean over all tokens, mean over responses of their token means, or sum over tokens "
              "divided by responses times rollout.max_response_tokens.",
              one_of({"token_mean", "sequence_mean", "fixed_length"}));
  visitor.key("entropy_coefficient", &train.entropy_coefficient,
              "The loss is lowered by this times the policy's entropy, which keeps it from becoming certain.");
  visitor.key("reference_model", &train.reference_model,
              "Hugging Face folder of the reference of train.kl, of the same tokenizer; empty: model.path, the model "
              "that the run began with. It is kept in memory beside the model.");
  table(visitor, "gspo", "Clip of the loss gspo; the ratio is that of a whole response.", train.gspo);
  table(visitor, "cispo", "Clip of the loss cispo.", train.cispo);
  table(visitor, "kl", "Penalty for the divergence from a reference model.", train.kl);
  table(visitor, "overlong", "Responses near and at the length limit.", train.overlong);
  table(visitor, "rollout_correction",
        "Correction for the difference between the probabilities of rollout and trainer.", train.rollout_correction);
}

void describe(ConfigVisitor& visitor, SftConfig& sft) {
  visitor.key("seed", &sft.seed, "Seed of the shuffle.", at_least(0));
  visitor.key("steps", &sft.steps, "Steps to train.", at_least(1));
  visitor.key("rows_per_step", &sft.rows_per_step, "Rows in one step.", at_least(1));
  visitor.key("micro_batch_tokens", &sft.micro_batch_tokens, "Packed tokens of one forward and backward pass.",
              at_least(1));
  describe_memory(visitor, sft);
  visitor.key("learning_rate", &sft.learning_rate, "Highest learning rate of AdamW.", at_least(0));
  visitor.key("min_learning_rate", &sft.min_learning_rate, "Where the cosine decay ends.", at_least(0));
  visitor.key("warmup_steps", &sft.warmup_steps, "Steps in which the learning rate rises from 0.", at_least(0));
  visitor.key("weight_decay", &sft.weight_decay, "Decoupled weight decay.", at_least(0));
  visitor.key("beta1", &sft.beta1, "Decay of AdamW's first moment.", from_below(0, 1));
  visitor.key("beta2", &sft.beta2, "Decay of AdamW's second moment.", from_below(0, 1));
  visitor.key("clip_grad_norm", &sft.clip_grad_norm, "Largest norm of the gradient; 0: not clipped.", at_least(0));
  visitor.key("prompt_loss_weight", &sft.prompt_loss_weight,
              "Weight of the prompt's own tokens in the loss, against 1 for those of the answer.", from_to(0, 1));
  visitor.key("eval_every", &sft.eval_every, "Steps between measurements of the held-out loss; 0: only at the end.",
              at_least(0));
}

void describe(ConfigVisitor& visitor, EvalConfig& eval) {
  visitor.key("rows_per_task", &eval.rows_per_task, "Held-out rows of each task; 0: all.", at_least(0));
  visitor.key("n", &eval.n, "Responses to each row.", at_least(1));
  visitor.key("temperature", &eval.temperature, "Sampling temperature; 0: the most probable token.", at_least(0));
  visitor.key("top_p", &eval.top_p, "Keep the smallest set of tokens with this probability mass; 1: all.",
              above_to(0, 1));
  visitor.key("top_k", &eval.top_k, "Keep this many most probable tokens; 0: all.", at_least(0));
  visitor.key("min_p", &eval.min_p, "Keep tokens with at least this share of the highest probability; 0: all.",
              from_to(0, 1));
  visitor.key("max_response_tokens", &eval.max_response_tokens, "A response ends after this many tokens.", at_least(1));
  visitor.key("every", &eval.every, "Training steps between evaluations; 0: none during training.", at_least(0));
  visitor.key("seed", &eval.seed, "Seed of the sampling noise and of the choice of rows.", at_least(0));
}

void describe(ConfigVisitor& visitor, CheckpointConfig& checkpoint) {
  visitor.key("every", &checkpoint.every, "Training steps between checkpoints; 0: only at the end.", at_least(0));
  visitor.key("keep", &checkpoint.keep, "Newest checkpoints that are kept.", at_least(1));
  visitor.key("background", &checkpoint.background,
              "Write from a copy while training goes on, which takes the memory of weights and optimizer state once "
              "more while it writes; false: training waits.");
  visitor.key(
      "timeout_seconds", &checkpoint.timeout_seconds,
      "How long ranks wait for one that writes or verifies its files of a checkpoint, before all stop and name it.",
      at_least(1));
  visitor.key("shard_bytes", &checkpoint.shard_bytes,
              "Weights and optimizer state that are larger than this are split into files of at most this size.",
              at_least(1));
  visitor.key("keep_best_metric", &checkpoint.keep_best_metric,
              "Also keep the checkpoint that is best by this metric of its step, `eval/mean` say: a name of "
              "docs/reference/metrics.md; empty: none.");
  visitor.key("best_is_highest", &checkpoint.best_is_highest,
              "Whether the best is the one with the highest value; false: the lowest.");
}

void describe(ConfigVisitor& visitor, ReportConfig& report) {
  visitor.key("html", &report.html, "Write report.html into the run's folder.");
  visitor.key("tensorboard", &report.tensorboard,
              "Write the metrics as TensorBoard event files, too, into the run's folder tensorboard.");
  visitor.key("samples_per_step", &report.samples_per_step, "Sample responses of each step kept for the report.",
              at_least(0));
}

void describe(ConfigVisitor& visitor, ParallelConfig& parallel) {
  visitor.key("replicate", &parallel.replicate,
              "Copies of all states (weights, gradients, moments), each of which works on its own part of the batch.",
              at_least(1));
  visitor.key("shard", &parallel.shard,
              "Ranks that split the states among them and work on parts of the batch of their own.", at_least(1));
  visitor.key("context", &parallel.context,
              "Ranks that share the tokens of one part of the batch, each long prompt split among them. They split "
              "the states among them, too.",
              at_least(1));
  visitor.key("expert", &parallel.expert,
              "Ranks that spread the experts of each layer among them, and work on parts of the batch of their own. "
              "They split all other states among them, too.",
              at_least(1));
  visitor.key("zero", &parallel.zero,
              "What is split: 1 the optimizer's state, 2 gradients too, 3 weights too, which are then gathered layer "
              "by layer. Embedding, head and their gradients are whole on each rank while an update lasts.",
              from_to(1, 3));
  visitor.key("context_method", &parallel.context_method,
              "How context ranks attend: `gather` gathers the keys and values of a layer's prompts; `heads` gives each "
              "rank all tokens of some heads, and needs kv heads in multiples of parallel.context.",
              one_of({"gather", "heads"}));
  visitor.key("hand_out", &parallel.hand_out,
              "How prompts are handed to ranks for generation: `as_free` when a rank has room, so that long responses "
              "leave nobody idle; `by_length` once, by the tokens of the prompts, so that who computes what, and so "
              "the rounding, is the same each time.",
              one_of({"as_free", "by_length"}));
  visitor.key("timeout_seconds", &parallel.timeout_seconds,
              "How long ranks wait for one that does not come, before all stop.", at_least(1));
  visitor.key("heartbeat_seconds", &parallel.heartbeat_seconds,
              "How long a rank may give no sign of life, before all stop and name it.", at_least(1));
}

void describe(ConfigVisitor& visitor, Config& config) {
  table(visitor, "run", "The run itself.", config.run);
  table(visitor, "plugins", "Where plugins are found.", config.plugins);
  table(visitor, "model", "The model that is trained or measured.", config.model);
  table(visitor, "data", "Rows of prompts.", config.data);
  table(visitor, "rollout", "How responses are generated for training.", config.rollout);
  table(visitor, "rewards", "How responses are scored.", config.rewards);
  table(visitor, "train", "GRPO.", config.train);
  table(visitor, "sft", "Supervised training on gold answers (`golong sft`).", config.sft);
  table(visitor, "eval", "Measuring a model on held-out rows (`golong eval`).", config.eval);
  table(visitor, "checkpoint", "Saving a training run.", config.checkpoint);
  table(visitor, "report", "What a run writes for people.", config.report);
  table(visitor, "parallel",
        "Ranks of a distributed run; the product of the first four is their number (docs/guide/many-ranks.md).",
        config.parallel);
}

}  // namespace golong
