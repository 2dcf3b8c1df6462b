// Answers to prompts: generated, decoded and scored. Ranks share the work: prompts are handed out to them, each scores
// what it generated with its own cores, and all get everything.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/data/group.h"
#include "core/parallel/group.h"
#include "core/parallel/world.h"
#include "core/rollout/engine.h"
#include "core/score/scorer.h"
#include "core/text/tokenizer.h"

namespace golong {

// By default this process answers alone.
struct AnswerRanks {
  parallel::World* world = nullptr;
  // Prompts are handed out when a rank has room; or else once, by their tokens, the same way each time.
  bool as_free = true;
};

struct AnswerStats {
  RolloutStats rollout;                            // sums over ranks; of kv_bytes and seconds the most
  double generate_seconds = 0, score_seconds = 0;  // until the last rank was done
  double idle_seconds = 0;                         // mean over ranks of what they waited for the last one
};

// Not thread-safe. All ranks call answer() with the same prompts; it throws on all of them where it does on one.
class Answerer {
 public:
  // All outlive it.
  Answerer(RolloutEngine& engine, const Scorer& scorer, std::shared_ptr<const Tokenizer> tokenizer,
           AnswerRanks ranks = {});

  // As RolloutEngine::generate, with texts and rewards; groups in the order of the prompts. `generated` is called
  // between generating and scoring. Throws Stopped where should_stop() was true on any rank.
  std::vector<Group> answer(std::vector<Prompt> prompts, const Sampling& sampling, uint64_t seed, Stream stream,
                            int64_t weights_step, const RolloutHooks& hooks = {},
                            const std::function<void()>& generated = {});

  int64_t ranks() const { return ranks_.world ? ranks_.world->rank().size : 1; }
  const AnswerStats& stats() const { return stats_; }  // of the last call

 private:
  struct Answered;
  // What answer() was asked for, beside prompts and hooks.
  struct Call {
    const Sampling& sampling;
    uint64_t seed;
    Stream stream;
    int64_t weights_step;
    const std::function<void()>& generated;
  };
  Answered answer_some(std::vector<Prompt> prompts, const Call& call, const RolloutHooks& hooks);
  Answered answer_mine(const std::vector<Prompt>& prompts, const Call& call, const RolloutHooks& hooks);
  std::vector<Group> exchange(std::vector<Prompt> prompts, const Answered& mine);

  RolloutEngine& engine_;
  const Scorer& scorer_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  const AnswerRanks ranks_;
  int64_t calls_ = 0;
  AnswerStats stats_;
};

// Fills `text` of every response: up to the stop string that ended it, where one did.
void decode(Group& group, const Tokenizer& tokenizer, const StopStrings& stop);

}  // namespace golong
