#include "core/eval/answerer.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "core/base/bytes.h"
#include "core/base/error.h"
#include "core/base/rank_errors.h"
#include "core/score/group_bytes.h"

namespace golong {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Which prompts are this rank's: indices.
std::vector<size_t> dealt(const std::vector<Prompt>& prompts, int64_t rank, int64_t ranks) {
  std::vector<size_t> order(prompts.size()), mine;
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(
      order, [&](size_t a, size_t b) { return prompts[a].token_ids.size() > prompts[b].token_ids.size(); });
  std::vector<size_t> tokens(static_cast<size_t>(ranks)), count(tokens.size());
  const size_t most = (prompts.size() + tokens.size() - 1) / tokens.size();  // responses cost, too
  for (const size_t i : order) {
    size_t least = tokens.size();
    for (size_t r = 0; r < tokens.size(); ++r) {
      if (count[r] < most && (least == tokens.size() || tokens[r] < tokens[least])) least = r;
    }
    tokens[least] += prompts[i].token_ids.size();
    ++count[least];
    if (static_cast<int64_t>(least) == rank) mine.push_back(i);
  }
  std::ranges::sort(mine);
  return mine;
}

void encode(Encoder& out, const RolloutStats& s) {
  out.number(s.prompt_tokens).number(s.shared_prompt_tokens).number(s.response_tokens).number(s.sent_back);
  out.number(s.recomputed_tokens).number(s.kv_bytes);
  out.number(s.first_token_seconds).number(s.prefill_seconds).number(s.decode_seconds);
}

void add(RolloutStats& to, Decoder& in) {
  to.prompt_tokens += in.number<int64_t>();
  to.shared_prompt_tokens += in.number<int64_t>();
  to.response_tokens += in.number<int64_t>();
  to.sent_back += in.number<int64_t>();
  to.recomputed_tokens += in.number<int64_t>();
  to.kv_bytes = std::max(to.kv_bytes, in.number<int64_t>());
  to.first_token_seconds = std::max(to.first_token_seconds, in.number<double>());
  to.prefill_seconds = std::max(to.prefill_seconds, in.number<double>());
  to.decode_seconds = std::max(to.decode_seconds, in.number<double>());
}

enum class End : uint8_t { done, stopped, failed };

}  // namespace

// What one rank did.
struct Answerer::Answered {
  std::vector<size_t> prompts;  // whose groups these are
  std::vector<Group> groups;
  RolloutStats stats;
  double generate_seconds = 0, score_seconds = 0;
  End end = End::done;
  std::string error;
};

Answerer::Answerer(RolloutEngine& engine, const Scorer& scorer, std::shared_ptr<const Tokenizer> tokenizer,
                   AnswerRanks ranks)
    : engine_(engine), scorer_(scorer), tokenizer_(std::move(tokenizer)), ranks_(ranks) {}

Answerer::Answered Answerer::answer_some(std::vector<Prompt> prompts, const Call& call, const RolloutHooks& hooks) {
  Answered some;
  const auto start = Clock::now();
  some.groups = engine_.generate(std::move(prompts), call.sampling, call.seed, call.stream, call.weights_step, hooks);
  for (Group& group : some.groups) decode(group, *tokenizer_, call.sampling.stop);
  some.stats = engine_.stats();
  some.generate_seconds = seconds_since(start);
  if (call.generated) call.generated();
  scorer_.score(some.groups);
  some.score_seconds = seconds_since(start) - some.generate_seconds;
  return some;
}

Answerer::Answered Answerer::answer_mine(const std::vector<Prompt>& prompts, const Call& call,
                                         const RolloutHooks& hooks) {
  const parallel::Rank& rank = ranks_.world->rank();
  const std::string next = "prompts/" + std::to_string(calls_++);
  const auto count = static_cast<int64_t>(prompts.size());
  // Nobody takes more at a time than if all were handed out at once, and less than that in one go: others come, too.
  const int64_t most = (count + rank.size - 1) / rank.size;
  std::vector<size_t> mine;
  std::vector<Prompt> first;
  RolloutHooks with_more = hooks;
  if (ranks_.as_free) {
    bool all_given = false;
    with_more.more = [&, all_given](int64_t running, int64_t room) mutable {
      std::vector<Prompt> more;
      const int64_t wanted = std::min((most - running + 3) / 4, std::max<int64_t>(1, room / call.sampling.n));
      if (all_given || wanted <= 0) return more;
      const int64_t end = ranks_.world->notes().add(next, wanted);
      for (int64_t i = end - wanted; i < std::min(end, count); ++i) {
        mine.push_back(static_cast<size_t>(i));
        more.push_back(prompts[static_cast<size_t>(i)]);
      }
      all_given = end >= count;
      return more;
    };
  } else {
    mine = dealt(prompts, rank.rank, rank.size);
    for (const size_t i : mine) first.push_back(prompts[i]);
  }
  Answered answered = answer_some(std::move(first), call, with_more);
  answered.prompts = std::move(mine);
  return answered;
}

std::vector<Group> Answerer::exchange(std::vector<Prompt> prompts, const Answered& mine) {
  Encoder out;
  out.number(static_cast<uint8_t>(mine.end)).text(mine.error);
  encode(out, mine.stats);
  out.number(mine.generate_seconds).number(mine.score_seconds);
  out.number<uint64_t>(mine.groups.size());
  for (size_t i = 0; i < mine.groups.size(); ++i) {
    out.number<uint64_t>(mine.prompts[i]);
    encode_responses(out, mine.groups[i].responses);
  }
  std::vector<Group> groups(prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) groups[i].prompt = std::move(prompts[i]);
  const std::vector<std::string> all = ranks_.world->all().gather(out.take());
  bool stopped = false;
  double worked = 0;
  for (size_t rank = 0; rank < all.size(); ++rank) {
    Decoder in(all[rank]);
    const auto end = static_cast<End>(in.number<uint8_t>());
    const std::string error = in.text();
    if (end == End::failed) fail_all("rank ", rank, ": ", error);
    stopped = stopped || end == End::stopped;
    add(stats_.rollout, in);
    const auto generate = in.number<double>(), score = in.number<double>();
    stats_.generate_seconds = std::max(stats_.generate_seconds, generate);
    stats_.score_seconds = std::max(stats_.score_seconds, score);
    worked += generate + score;
    for (auto left = in.number<uint64_t>(); left > 0; --left) {
      const auto index = in.number<uint64_t>();
      groups.at(index).responses = decode_responses(in);
    }
  }
  if (stopped) throw Stopped("generation was stopped");
  const double whole = stats_.generate_seconds + stats_.score_seconds;
  stats_.idle_seconds = std::max(0.0, whole - worked / static_cast<double>(all.size()));
  return groups;
}

std::vector<Group> Answerer::answer(std::vector<Prompt> prompts, const Sampling& sampling, uint64_t seed, Stream stream,
                                    int64_t weights_step, const RolloutHooks& hooks,
                                    const std::function<void()>& generated) {
  stats_ = {};
  const Call call{sampling, seed, stream, weights_step, generated};
  if (ranks() == 1) {
    Answered all = answer_some(std::move(prompts), call, hooks);
    stats_ = {all.stats, all.generate_seconds, all.score_seconds, 0};
    return std::move(all.groups);
  }
  Answered mine;
  // Who cannot go on says so to the others, who would wait for its groups.
  try {
    mine = answer_mine(prompts, call, hooks);
  } catch (const Stopped&) {
    mine.end = End::stopped;
  } catch (const OtherRankFailed&) {
    throw;
  } catch (const std::exception& error) {
    mine.end = End::failed;
    mine.error = error.what();
  }
  return exchange(std::move(prompts), mine);
}

void decode(Group& group, const Tokenizer& tokenizer, const StopStrings& stop) {
  for (Response& response : group.responses) {
    response.text = tokenizer.decode(response.token_ids, true);
    if (const size_t end = stop.find(response.text); end != std::string::npos) response.text.resize(end);
  }
}

}  // namespace golong
