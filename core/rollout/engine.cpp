#include "core/rollout/engine.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <iterator>
#include <optional>
#include <span>
#include <utility>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/rank_errors.h"
#include "core/nn/device.h"
#include "core/nn/layers.h"
#include "core/rollout/choose_tokens.h"
#include "core/rollout/forward.h"
#include "core/rollout/schedule.h"

namespace golong {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// With what the caller left to us.
EngineOptions complete(EngineOptions options, at::Device device) {
  if (options.kv_cache_bytes == 0) {
    const int64_t memory = nn::memory_of(device), unknown = int64_t{8} << 30;
    options.kv_cache_bytes = (memory > 0 ? memory : unknown) / (device.is_cpu() ? 2 : 3);
  }
  if (options.prefill_chunk_tokens == 0) options.prefill_chunk_tokens = device.is_cpu() ? 2048 : 8192;
  return options;
}

Group make_group(Prompt prompt, const Sampling& sampling, int64_t weights_step) {
  Group group{std::move(prompt), std::vector<Response>(static_cast<size_t>(sampling.n))};
  for (Response& response : group.responses) response.weights_step = weights_step;
  return group;
}

// A response whose next token is to be chosen, and the row of its logits.
struct Pick {
  ActiveGroup* active;
  size_t sample;
  int64_t row;
};

}  // namespace

struct RolloutEngine::State {
  State(const Model& m, EngineOptions o)
      : model(m),
        options(complete(o, m.device())),
        is_budget_ours(o.kv_cache_bytes == 0),
        memory(std::make_unique<KvMemory>(m.shape(), m.dtype(), m.device(), options.kv_cache_bytes)) {}

  // One call of generate().
  struct Call {
    const Sampling& sampling;
    uint64_t seed;
    Stream stream;
    const RolloutHooks& hooks;
    Clock::time_point start;
    RolloutSchedule schedule;
  };

  void check(const Prompt& prompt, const Sampling& sampling) const;
  void note_memory() {
    stats.kv_bytes = std::max(stats.kv_bytes, memory->pages().in_use() * memory->pages().page_bytes());
  }
  // For what is kept that was never computed, or is not finite.
  void lose_memory() {
    memory = std::make_unique<KvMemory>(model.shape(), model.dtype(), model.device(), options.kv_cache_bytes);
  }
  void run(std::deque<Group>& groups, const Sampling& sampling, uint64_t seed, Stream stream, int64_t weights_step,
           const RolloutHooks& hooks);
  static void add(Call& call, Group& group);
  void add_more(Call& call, std::deque<Group>& groups, int64_t weights_step);
  bool meet(bool has_rows, bool stop) const;
  void check_stop(const RolloutHooks& hooks) const;
  void stop_others() const;
  at::Tensor pass(const ForwardBatch& batch);
  void enter(Call& call);
  void prefill(const Call& call, const std::vector<Entry>& entries);
  void decode(Call& call);
  void choose(Call& call, const at::Tensor& hidden, const std::vector<Pick>& picks);
  void choose_from(Call& call, const at::Tensor& logits, const std::vector<Pick>& picks);
  void add_token(Call& call, ActiveGroup& active, size_t sample, const TokenChoice& choice);

  const Model& model;
  const EngineOptions options;
  const bool is_budget_ours;
  std::unique_ptr<KvMemory> memory;
  std::optional<std::pair<int64_t, Stream>> kept;  // the weights and the stream that made what is kept in memory
  bool computing = false;                          // prompts are in memory that are not yet computed
  RolloutStats stats;
};

RolloutEngine::RolloutEngine(const Model& model, EngineOptions options)
    : state_(std::make_unique<State>(model, options)) {
  if (options.batch_invariant && !model.device().is_cpu()) {
    fail(options.hints.batch_invariant,
         ": products on CUDA depend on how many rows they have; it works on the CPU alone");
  }
}
RolloutEngine::~RolloutEngine() = default;
const RolloutStats& RolloutEngine::stats() const { return state_->stats; }
void RolloutEngine::check(const Prompt& prompt, const Sampling& sampling) const { state_->check(prompt, sampling); }
void RolloutEngine::give_back() {
  state_->kept.reset();
  state_->memory->forget();
}
int64_t RolloutEngine::page_bytes() const { return state_->memory->pages().page_bytes(); }

void RolloutEngine::State::check(const Prompt& prompt, const Sampling& sampling) const {
  if (sampling.n <= 0 || sampling.max_response_tokens <= 0) fail("n and max_response_tokens must be positive");
  const auto tokens = static_cast<int64_t>(prompt.token_ids.size());
  const int64_t positions = model.shape().max_positions;
  if (tokens == 0) fail("row ", prompt.uid, ": the prompt is empty");
  if (tokens >= positions) {
    fail("row ", prompt.uid, ": the prompt has ", tokens, " tokens, the model has ", positions, " positions; ",
         options.hints.positions);
  }
  for (int32_t id : prompt.token_ids) {
    if (id < 0 || id >= model.shape().vocabulary) {
      fail("row ", prompt.uid, ": token ", id, " is outside the model's vocabulary of ", model.shape().vocabulary,
           "; is the tokenizer the model's own?");
    }
  }
  const int64_t response = std::min(sampling.max_response_tokens, positions - tokens);
  const int64_t needed = (pages_of(tokens) + pages_of(response)) * memory->pages().page_bytes();
  if (needed > options.kv_cache_bytes) {
    fail("row ", prompt.uid, ": keys and values of the prompt of ", tokens, " tokens and of one response of ", response,
         " take ", needed, " bytes, there is room for ", options.kv_cache_bytes,
         is_budget_ours ? (model.device().is_cpu() ? " (half of the machine's memory)" : " (a third of the device's)")
                        : "",
         "; ", options.hints.memory);
  }
}

// Whether a pass follows. Ranks that share the experts agree on it before each: there is one where anybody has rows,
// and none where anybody stops.
bool RolloutEngine::State::meet(bool has_rows, bool stop) const {
  const parallel::Group& ranks = model.expert_ranks();
  if (!ranks.alone()) {
    const at::Tensor said = at::tensor({int64_t{has_rows}, int64_t{stop}}, at::kLong).to(model.device());
    ranks.sum(said);
    const at::Tensor counts = said.cpu();
    has_rows = counts.const_data_ptr<int64_t>()[0] > 0;
    stop = counts.const_data_ptr<int64_t>()[1] > 0;
  }
  if (stop) throw Stopped("generation was stopped");
  return has_rows;
}

void RolloutEngine::State::check_stop(const RolloutHooks& hooks) const {
  if (hooks.should_stop && hooks.should_stop()) meet(false, true);
}

// For who fails between two passes: the others would wait for it in the next.
void RolloutEngine::State::stop_others() const {
  try {
    meet(false, true);
  } catch (const Stopped&) {  // they are
  }
}

// Hidden states of the batch's rows.
at::Tensor RolloutEngine::State::pass(const ForwardBatch& batch) {
  meet(true, false);
  return batch.run(model, memory->pages());
}

// Computes what enters: prompts from where they are not yet in memory, and responses that were sent back, but for their
// last token. In passes of some thousand tokens, which bounds the memory of the activations.
void RolloutEngine::State::prefill(const Call& call, const std::vector<Entry>& entries) {
  computing = true;
  ForwardBatch batch;
  std::vector<std::pair<ActiveGroup*, int64_t>> ends;  // prompts that end in this pass, and the row of the last token
  const auto run = [&] {
    if (batch.rows() == 0) return;
    check_stop(call.hooks);
    const at::Tensor hidden = pass(batch);
    for (const auto& [active, row] : ends) active->last = hidden.narrow(0, row, 1).clone();
    batch = {};
    ends.clear();
  };
  // Adds tokens pass by pass.
  const auto add = [&](std::span<const int32_t> tokens, int64_t start, const auto& add_part) {
    while (!tokens.empty()) {
      if (batch.rows() >= options.prefill_chunk_tokens) run();
      const size_t count = std::min(tokens.size(), static_cast<size_t>(options.prefill_chunk_tokens - batch.rows()));
      add_part(start, tokens.first(count));
      tokens = tokens.subspan(count);
      start += static_cast<int64_t>(count);
    }
  };
  for (const Entry& entry : entries) {
    ActiveGroup& active = *entry.active;
    const std::span<const int32_t> prompt = active.group->prompt.token_ids;
    const auto rest = prompt.subspan(static_cast<size_t>(entry.prompt_start));
    if (!rest.empty()) {
      add(rest, entry.prompt_start,
          [&](int64_t start, std::span<const int32_t> part) { batch.add_prompt(active.prompt, start, part); });
      ends.emplace_back(&active, batch.rows() - 1);
    }
    for (size_t sample : entry.samples) {
      const std::span<const int32_t> tokens = active.group->responses[sample].token_ids;
      if (tokens.size() < 2) continue;
      stats.recomputed_tokens += static_cast<int64_t>(tokens.size()) - 1;
      add(tokens.first(tokens.size() - 1), 0, [&](int64_t start, std::span<const int32_t> part) {
        batch.add_response(active.prompt, active.samples[sample].own, start, part);
      });
    }
  }
  run();
  computing = false;
}

void RolloutEngine::State::enter(Call& call) {
  const std::vector<Entry> entries = call.schedule.admit();
  if (entries.empty()) return;
  const auto start = Clock::now();
  for (const Entry& entry : entries) {
    const auto all = static_cast<int64_t>(entry.active->group->prompt.token_ids.size());
    const bool again = entry.active->last.defined();
    if (entry.prompt_start < all) (again ? stats.recomputed_tokens : stats.prompt_tokens) += all - entry.prompt_start;
    if (!again) stats.shared_prompt_tokens += entry.prompt_start;
  }
  prefill(call, entries);
  note_memory();
  // The prompt's last row serves the first token of all its responses.
  std::vector<at::Tensor> last;
  std::vector<Pick> picks;
  for (const Entry& entry : entries) {
    bool first = true;
    for (size_t sample : entry.samples) {
      if (!entry.active->group->responses[sample].token_ids.empty()) continue;
      if (std::exchange(first, false)) last.push_back(entry.active->last);
      picks.push_back({entry.active, sample, static_cast<int64_t>(last.size()) - 1});
    }
  }
  if (!picks.empty()) choose(call, at::cat(last), picks);
  stats.prefill_seconds += seconds_since(start);
}

// One token for every running response.
void RolloutEngine::State::decode(Call& call) {
  ForwardBatch batch;
  std::vector<Pick> picks;
  for (ActiveGroup* active : call.schedule.make_room()) {
    for (size_t sample = 0; sample < active->samples.size(); ++sample) {
      if (active->samples[sample].state != ActiveSample::State::running) continue;
      const std::span<const int32_t> tokens = active->group->responses[sample].token_ids;
      picks.push_back({active, sample, batch.rows()});
      batch.add_response(active->prompt, active->samples[sample].own, static_cast<int64_t>(tokens.size()) - 1,
                         tokens.last(1));
    }
  }
  note_memory();
  if (!picks.empty()) choose(call, pass(batch), picks);
}

// Picks the next token of each response from the hidden states that the picks name. In parts, so that the logits of
// many rows over a large vocabulary are never there together.
void RolloutEngine::State::choose(Call& call, const at::Tensor& hidden, const std::vector<Pick>& picks) {
  const int64_t most = model.device().is_cpu() ? 64 : 512;
  for (size_t first = 0, next = 0; first < picks.size(); first = next) {
    const int64_t start = picks[first].row, count = std::min(most, hidden.size(0) - start);
    std::vector<Pick> part;
    for (; next < picks.size() && picks[next].row < start + count; ++next) {
      part.push_back({picks[next].active, picks[next].sample, picks[next].row - start});
    }
    choose_from(call, nn::logits(hidden.narrow(0, start, count), model.head()), part);
  }
  for (const RolloutSchedule::Over& over : call.schedule.retire()) {
    if (call.hooks.on_done) call.hooks.on_done(over.index, *over.group);
  }
}

// logits [rows, V]
void RolloutEngine::State::choose_from(Call& call, const at::Tensor& logits, const std::vector<Pick>& picks) {
  std::vector<TokenRequest> requests;
  requests.reserve(picks.size());
  for (const auto& [active, sample, row] : picks) {
    const Prompt& prompt = active->group->prompt;
    const uint64_t key = random_key({call.seed, static_cast<uint64_t>(call.stream), prompt.key, prompt.draw, sample,
                                     active->group->responses[sample].token_ids.size()});
    requests.push_back({row, active->samples[sample].seen.ids(), key});
  }
  const std::vector<TokenChoice> choices = choose_tokens(logits, call.sampling.rule, requests);
  for (size_t i = 0; i < picks.size(); ++i) add_token(call, *picks[i].active, picks[i].sample, choices[i]);
}

void RolloutEngine::State::add_token(Call& call, ActiveGroup& active, size_t sample, const TokenChoice& choice) {
  const Prompt& prompt = active.group->prompt;
  Response& response = active.group->responses[sample];
  if (!std::isfinite(choice.logprob)) {
    fail("row ", prompt.uid, ": the model's logits are not finite at position ", response.token_ids.size(),
         " of a response; the weights have diverged (lower train.learning_rate) or the model's files are damaged");
  }
  if (response.token_ids.empty() && stats.response_tokens == 0) stats.first_token_seconds = seconds_since(call.start);
  response.token_ids.push_back(choice.token);
  response.logprobs.push_back(choice.logprob);
  response.sampled_logprobs.push_back(choice.sampled_logprob);
  ++stats.response_tokens;
  if (call.sampling.rule.repetition_penalty != 1) active.samples[sample].seen.add(choice.token);
  const auto length = static_cast<int64_t>(response.token_ids.size());
  std::optional<StopSearch>& search = active.samples[sample].search;
  const bool stop = std::ranges::find(call.sampling.stop_ids, choice.token) != call.sampling.stop_ids.end() ||
                    (search && search->push(choice.token));
  const bool full = length >= call.sampling.max_response_tokens ||
                    static_cast<int64_t>(prompt.token_ids.size()) + length >= model.shape().max_positions;
  response.finish = stop ? Finish::stop : Finish::length;
  if (call.hooks.on_token) call.hooks.on_token(*active.group, sample);
  if (stop || full) call.schedule.finish(active, sample);
}

void RolloutEngine::State::add(Call& call, Group& group) {
  ActiveGroup& active = call.schedule.add(group);
  if (!call.sampling.stop.strings.empty()) {
    for (ActiveSample& sample : active.samples) sample.search.emplace(call.sampling.stop);
  }
  if (call.sampling.rule.repetition_penalty != 1) {
    SeenTokens seen;
    for (int32_t token : group.prompt.token_ids) seen.add(token);
    for (ActiveSample& sample : active.samples) sample.seen = seen;
  }
}

// Asks the caller for prompts while there is room for them.
void RolloutEngine::State::add_more(Call& call, std::deque<Group>& groups, int64_t weights_step) {
  if (!call.hooks.more || call.schedule.room() == 0) return;
  const auto running = static_cast<int64_t>(call.schedule.groups().size());
  for (Prompt& prompt : call.hooks.more(running, call.schedule.room())) {
    check(prompt, call.sampling);
    add(call, groups.emplace_back(make_group(std::move(prompt), call.sampling, weights_step)));
  }
}

void RolloutEngine::State::run(std::deque<Group>& groups, const Sampling& sampling, uint64_t seed, Stream stream,
                               int64_t weights_step, const RolloutHooks& hooks) {
  Call call{sampling, seed,         stream,
            hooks,    Clock::now(), RolloutSchedule(*memory, options.max_running_responses, options.share_prefixes)};
  for (Group& group : groups) add(call, group);
  while (add_more(call, groups, weights_step), !call.schedule.done()) {
    check_stop(hooks);
    enter(call);
    if (!call.schedule.done()) decode(call);
  }
  while (meet(false, false)) {
    ForwardBatch().run(model, memory->pages());
    check_stop(hooks);
  }
  stats.sent_back = call.schedule.sent_back();
  stats.decode_seconds = seconds_since(call.start) - stats.prefill_seconds;
}

std::vector<Group> RolloutEngine::generate(std::vector<Prompt> prompts, const Sampling& sampling, uint64_t seed,
                                           Stream stream, int64_t weights_step, const RolloutHooks& hooks) {
  State& s = *state_;
  const c10::InferenceMode inference;
  const nn::RowByRow row_by_row(s.options.batch_invariant);
  s.stats = {};
  s.computing = false;
  std::deque<Group> groups;  // which stay where they are while more come
  try {
    for (const Prompt& prompt : prompts) s.check(prompt, sampling);
    // An evaluation leaves no trace in what is generated for training afterwards.
    if (const std::pair now(weights_step, stream); std::exchange(s.kept, now) != now) s.memory->forget();
    for (Prompt& prompt : prompts) groups.push_back(make_group(std::move(prompt), sampling, weights_step));
    s.run(groups, sampling, seed, stream, weights_step, hooks);
  } catch (const Stopped&) {
    if (s.computing) s.lose_memory();
    throw;
  } catch (const OtherRankFailed&) {
    throw;
  } catch (...) {
    if (!groups.empty()) s.lose_memory();
    s.stop_others();
    throw;
  }
  return {std::make_move_iterator(groups.begin()), std::make_move_iterator(groups.end())};
}

}  // namespace golong
