#include "core/rollout/engine.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <map>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/rollout/kv_pages.h"
#include "core/rollout/paged_attention.h"

namespace golong {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// A group that is being generated.
struct Active {
  size_t index = 0;  // in the result
  PageList prompt;
  std::vector<PageList> own;
  std::vector<size_t> running;  // samples that go on, ascending
};

// Part of one prompt in a prefill call.
struct PrefillPiece {
  Active* group;
  int64_t start, count;
};

// Prompts on themselves; writes keys and values into the pages.
class PrefillAttention : public Attention {
 public:
  PrefillAttention(KvPages& pages, const std::vector<PrefillPiece>& pieces,
                   std::vector<std::pair<at::Tensor, at::Tensor>>& earlier)
      : pages_(pages), pieces_(pieces), earlier_(earlier) {}

  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    double scale) override {
    at::Tensor out = at::empty_like(q, at::MemoryFormat::Contiguous);
    int64_t row = 0;
    for (const PrefillPiece& piece : pieces_) {
      auto part = [&](const at::Tensor& x) { return x.narrow(0, row, piece.count); };
      auto heads = [](const at::Tensor& x) { return x.transpose(0, 1).unsqueeze(0); };  // [T, H, D] -> [1, H, T, D]
      pages_.write(piece.group->prompt, layer, piece.start, part(k), part(v));
      std::vector<nn::Partial> partials{nn::attend(heads(part(q)), heads(part(k)), heads(part(v)), true, scale)};
      if (!earlier_.empty()) {
        auto& [keys, values] = earlier_[layer];  // [start, Hkv, D]
        if (piece.start > 0) partials.push_back(nn::attend(heads(part(q)), heads(keys), heads(values), false, scale));
        keys = piece.start > 0 ? at::cat({keys, part(k)}) : part(k).clone();
        values = piece.start > 0 ? at::cat({values, part(v)}) : part(v).clone();
      }
      part(out).copy_(nn::merge(partials).out.squeeze(0).transpose(0, 1));
      row += piece.count;
    }
    return out;
  }

 private:
  KvPages& pages_;
  const std::vector<PrefillPiece>& pieces_;
  std::vector<std::pair<at::Tensor, at::Tensor>>& earlier_;  // by layer, where one prompt takes several calls
};

// Responses on their prompt and on themselves; writes the present token's keys and values first.
class DecodeAttention : public Attention {
 public:
  DecodeAttention(KvPages& pages, const std::vector<DecodeGroup>& groups) : pages_(pages), groups_(groups) {}

  at::Tensor attend(int64_t layer, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    double scale) override {
    return paged_attention(q, k, v, pages_, groups_, layer, scale);
  }

 private:
  KvPages& pages_;
  const std::vector<DecodeGroup>& groups_;
};

}  // namespace

// Under batch_invariant matrix products have this many rows, whatever else runs: then a row's numbers are always the
// same.
constexpr int64_t kInvariantRows = 32;

struct RolloutEngine::State {
  State(const Model& m, EngineOptions o)
      : model(m), options(o), pages(m.shape().layers, m.shape().kv_heads, m.shape().head_dim, m.dtype()) {}

  // One call of generate().
  struct Job {
    std::vector<Group> groups;
    const Sampling& sampling;
    uint64_t seed;
    Stream stream;
    std::deque<Active> active;
    size_t next = 0;  // prompt that enters next
    int64_t running = 0;
  };

  void check(const Prompt& prompt, const Sampling& sampling) const;
  void admit(Job& job);
  at::Tensor prefill(std::vector<Active*> groups, const Job& job);
  at::Tensor logits(const at::Tensor& hidden) const;
  void decode(Job& job);
  void choose(Job& job, const at::Tensor& hidden, const std::vector<std::pair<Active*, size_t>>& rows);
  void retire(Job& job);

  const Model& model;
  EngineOptions options;
  KvPages pages;
  RolloutStats stats;
};

RolloutEngine::RolloutEngine(const Model& model, EngineOptions options)
    : state_(std::make_unique<State>(model, options)) {
  if (!model.device().is_cpu()) fail("generation runs on the CPU in this version; set model.device = \"cpu\"");
  // An expert's product has as many rows as tokens chose it.
  if (options.batch_invariant && model.shape().experts.count > 0) {
    fail("rollout.batch_invariant is not built for models with experts; set it to false");
  }
}
RolloutEngine::~RolloutEngine() = default;
const RolloutStats& RolloutEngine::stats() const { return state_->stats; }

void RolloutEngine::State::check(const Prompt& prompt, const Sampling& sampling) const {
  int64_t tokens = static_cast<int64_t>(prompt.token_ids.size()), limit = model.shape().max_positions;
  if (tokens == 0) fail("row ", prompt.uid, ": the prompt is empty");
  if (tokens >= limit) {
    fail("row ", prompt.uid, ": the prompt has ", tokens, " tokens, the model has ", limit,
         " positions; lower data.max_prompt_tokens");
  }
  for (int32_t id : prompt.token_ids) {
    if (id < 0 || id >= model.shape().vocabulary) {
      fail("row ", prompt.uid, ": token ", id, " is outside the model's vocabulary of ", model.shape().vocabulary,
           "; is the tokenizer the model's own?");
    }
  }
  if (sampling.n <= 0 || sampling.max_response_tokens <= 0) fail("n and max_response_tokens must be positive");
}

// Runs the prompts' tokens once and returns the last hidden state of each, [groups, C].
at::Tensor RolloutEngine::State::prefill(std::vector<Active*> groups, const Job& job) {
  std::vector<at::Tensor> last;
  int64_t budget = options.batch_invariant ? 1 : options.prefill_chunk_tokens;  // tokens of whole prompts in one call
  for (size_t first = 0; first < groups.size();) {
    std::vector<PrefillPiece> pieces;
    int64_t tokens = 0;
    while (first < groups.size()) {
      int64_t length = static_cast<int64_t>(job.groups[groups[first]->index].prompt.token_ids.size());
      if (!pieces.empty() && tokens + length > budget) break;
      pages.extend(groups[first]->prompt, length);
      pieces.push_back({groups[first++], 0, length});
      tokens += length;
    }
    // A prompt that is longer than a chunk goes alone, chunk by chunk.
    std::vector<std::pair<at::Tensor, at::Tensor>> earlier;
    std::vector<std::vector<PrefillPiece>> calls{pieces};
    if (tokens > options.prefill_chunk_tokens) {
      earlier.resize(model.shape().layers);
      calls.clear();
      for (int64_t start = 0; start < tokens; start += options.prefill_chunk_tokens) {
        calls.push_back({{pieces[0].group, start, std::min(options.prefill_chunk_tokens, tokens - start)}});
      }
    }
    at::Tensor hidden;
    for (const auto& call : calls) {
      std::vector<int64_t> ids, positions;
      for (const PrefillPiece& piece : call) {
        const auto& prompt = job.groups[piece.group->index].prompt.token_ids;
        for (int64_t i = 0; i < piece.count; ++i) {
          ids.push_back(prompt[piece.start + i]);
          positions.push_back(piece.start + i);
        }
      }
      PrefillAttention attention(pages, call, earlier);
      hidden = model.hidden(at::tensor(ids, at::kLong), at::tensor(positions, at::kLong), attention);
      stats.prompt_tokens += static_cast<int64_t>(ids.size());
    }
    int64_t row = -1;
    for (const PrefillPiece& piece : calls.back()) last.push_back(hidden[row += piece.count].unsqueeze(0));
    for (const PrefillPiece& piece : pieces) piece.group->prompt.tokens = piece.count;
  }
  return at::cat(last);
}

// [rows, C] -> [rows, V], float32.
at::Tensor RolloutEngine::State::logits(const at::Tensor& hidden) const {
  auto project = [&](const at::Tensor& rows) { return at::matmul(rows, model.head().t()).to(at::kFloat); };
  if (!options.batch_invariant) return project(hidden);
  std::vector<at::Tensor> tiles;
  for (int64_t start = 0; start < hidden.size(0); start += kInvariantRows) {
    int64_t count = std::min(kInvariantRows, hidden.size(0) - start);
    at::Tensor tile = at::zeros({kInvariantRows, hidden.size(1)}, hidden.options());
    tile.narrow(0, 0, count).copy_(hidden.narrow(0, start, count));
    tiles.push_back(project(tile).narrow(0, 0, count));
  }
  return at::cat(tiles);
}

void RolloutEngine::State::admit(Job& job) {
  std::vector<Active*> entering;
  while (job.next < job.groups.size() &&
         (job.running == 0 || job.running + job.sampling.n <= options.max_running_responses)) {
    Active& group = job.active.emplace_back();
    group.index = job.next++;
    group.own.resize(job.sampling.n);
    job.running += job.sampling.n;
    entering.push_back(&group);
  }
  if (entering.empty()) return;
  auto start = Clock::now();
  at::Tensor last = prefill(entering, job);
  std::vector<std::pair<Active*, size_t>> rows;
  std::vector<int64_t> repeat;
  for (size_t g = 0; g < entering.size(); ++g) {
    for (int64_t sample = 0; sample < job.sampling.n; ++sample) {
      entering[g]->running.push_back(sample);
      rows.emplace_back(entering[g], sample);
      repeat.push_back(static_cast<int64_t>(g));
    }
  }
  stats.prefill_seconds += seconds_since(start);
  // One projection of a prompt's last row serves the first token of all its responses.
  choose(job, logits(last).index_select(0, at::tensor(repeat, at::kLong)), rows);
}

// Picks the next token of each row from its logits [rows, V] and notes which responses are at their end.
void RolloutEngine::State::choose(Job& job, const at::Tensor& logits,
                                  const std::vector<std::pair<Active*, size_t>>& rows) {
  const Sampling& sampling = job.sampling;
  const float* data = logits.const_data_ptr<float>();
  const int64_t vocabulary = logits.size(1);
  at::parallel_for(0, static_cast<int64_t>(rows.size()), 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Group& group = job.groups[rows[i].first->index];
      Response& response = group.responses[rows[i].second];
      uint64_t key = random_key({job.seed, static_cast<uint64_t>(job.stream), group.prompt.key, group.prompt.draw,
                                 rows[i].second, response.token_ids.size()});
      TokenChoice choice =
          choose_token({data + i * vocabulary, static_cast<size_t>(vocabulary)}, sampling.cut_offs, key);
      if (!std::isfinite(choice.logprob)) {
        fail("row ", group.prompt.uid, ": the model's logits are not finite at position ", response.token_ids.size(),
             " of a response; the weights have diverged (lower train.learning_rate) or the model's files are damaged");
      }
      response.token_ids.push_back(choice.token);
      response.logprobs.push_back(choice.logprob);
    }
  });
  stats.response_tokens += static_cast<int64_t>(rows.size());
  for (const auto& [active, sample] : rows) {
    const Group& group = job.groups[active->index];
    Response& response = job.groups[active->index].responses[sample];
    int64_t length = static_cast<int64_t>(response.token_ids.size());
    bool stop = std::find(sampling.stop_ids.begin(), sampling.stop_ids.end(), response.token_ids.back()) !=
                sampling.stop_ids.end();
    bool full = length >= sampling.max_response_tokens ||
                static_cast<int64_t>(group.prompt.token_ids.size()) + length >= model.shape().max_positions;
    if (!stop && !full) continue;
    response.finish = stop ? Finish::stop : Finish::length;
    active->running.erase(std::find(active->running.begin(), active->running.end(), sample));
    pages.release(active->own[sample]);
    --job.running;
  }
  retire(job);
}

void RolloutEngine::State::retire(Job& job) {
  for (Active& group : job.active) {
    if (group.running.empty()) pages.release(group.prompt);
  }
  std::erase_if(job.active, [](const Active& group) { return group.running.empty(); });
}

// One token for every running response.
void RolloutEngine::State::decode(Job& job) {
  std::vector<DecodeGroup> groups;
  std::vector<std::pair<Active*, size_t>> rows;
  std::vector<int64_t> ids, positions;
  for (Active& active : job.active) {
    DecodeGroup group;
    group.prompt = &active.prompt;
    group.first_row = static_cast<int64_t>(rows.size());
    const Group& result = job.groups[active.index];
    for (size_t sample : active.running) {
      PageList& own = active.own[sample];
      pages.extend(own, 1);
      positions.push_back(static_cast<int64_t>(result.prompt.token_ids.size()) + own.tokens);
      ++own.tokens;
      ids.push_back(result.responses[sample].token_ids.back());
      group.own.push_back(&own);
      rows.emplace_back(&active, sample);
    }
    groups.push_back(std::move(group));
  }
  int64_t count = static_cast<int64_t>(rows.size());
  if (!options.batch_invariant) {
    DecodeAttention attention(pages, groups);
    at::Tensor hidden = model.hidden(at::tensor(ids, at::kLong), at::tensor(positions, at::kLong), attention);
    choose(job, logits(hidden), rows);
    return;
  }
  std::vector<at::Tensor> tiles;
  for (int64_t start = 0; start < count; start += kInvariantRows) {
    int64_t end = std::min(start + kInvariantRows, count);
    std::vector<int64_t> tile_ids(ids.begin() + start, ids.begin() + end);
    std::vector<int64_t> tile_positions(positions.begin() + start, positions.begin() + end);
    tile_ids.resize(kInvariantRows, 0);
    tile_positions.resize(kInvariantRows, 0);
    std::vector<DecodeGroup> tile;
    for (const DecodeGroup& group : groups) {
      DecodeGroup part{group.prompt, {}, std::max(group.first_row - start, int64_t{0})};
      for (size_t i = 0; i < group.own.size(); ++i) {
        int64_t row = group.first_row + static_cast<int64_t>(i);
        if (row >= start && row < end) part.own.push_back(group.own[i]);
      }
      if (!part.own.empty()) tile.push_back(std::move(part));
    }
    DecodeAttention attention(pages, tile);
    at::Tensor hidden = model.hidden(at::tensor(tile_ids, at::kLong), at::tensor(tile_positions, at::kLong), attention);
    tiles.push_back(hidden.narrow(0, 0, end - start));
  }
  choose(job, logits(at::cat(tiles)), rows);
}

std::vector<Group> RolloutEngine::generate(std::vector<Prompt> prompts, const Sampling& sampling, uint64_t seed,
                                           Stream stream, int64_t weights_step,
                                           const std::function<bool()>& should_stop) {
  c10::InferenceMode inference;
  State& s = *state_;
  s.stats = {};
  State::Job job{{}, sampling, seed, stream, {}, 0, 0};
  for (Prompt& prompt : prompts) {
    s.check(prompt, sampling);
    Group& group = job.groups.emplace_back();
    group.prompt = std::move(prompt);
    group.responses.resize(sampling.n);
    for (Response& response : group.responses) response.weights_step = weights_step;
  }
  auto start = Clock::now();
  while (job.next < job.groups.size() || !job.active.empty()) {
    if (should_stop && should_stop()) {
      for (Active& group : job.active) {
        for (PageList& own : group.own) s.pages.release(own);
        s.pages.release(group.prompt);
      }
      throw Stopped("generation was stopped");
    }
    s.admit(job);
    if (!job.active.empty()) s.decode(job);
  }
  s.stats.decode_seconds = seconds_since(start) - s.stats.prefill_seconds;
  return std::move(job.groups);
}

}  // namespace golong
