// The unit of everything that follows: one prompt and its n responses. A group is generated together, scored together
// and trained together. Plain data, no LibTorch.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/text/message.h"

namespace golong {

// What a reward compares a response with; the owning form of `golong_gold`. `has_*` tell an absent field from an empty.
struct Gold {
  std::vector<std::string> items;
  std::string label;
  std::string language;
  std::string variant;
  std::string json;
  std::string stray;  // what stands where an answer is looked for and is not known, for messages; "": nothing
  bool has_items = false;
  bool has_label = false;
  bool has_language = false;
};

// One row of a dataset, ready to be answered.
struct Prompt {
  std::string uid;       // names the row in logs, noise and caches: file hash and row number
  uint64_t key = 0;      // 64-bit hash of uid; keys the noise
  uint64_t draw = 0;     // how often this prompt was drawn before; sampler state
  std::string task;      // id of a task plugin
  std::string reward;    // id of a reward plugin
  std::string norm_key;  // k of paper A.6
  std::vector<Message> messages;
  std::vector<int32_t> token_ids;  // the rendered prompt, with the generation prompt
  std::shared_ptr<const Gold> gold;
};

enum class Finish : int32_t { stop = 0, length = 1, aborted = 2 };                    // the values of GOLONG_FINISH_*
enum class Outcome : int32_t { scored = 0, timeout = 1, error = 2, unscorable = 3 };  // the values of golong_outcome

const char* name(Finish finish);
const char* name(Outcome outcome);

struct Response {
  std::vector<int32_t> token_ids;  // generated, with the end token where there is one
  // [token_ids] natural log-probabilities of each token: under the model's own distribution (temperature 1, nothing cut
  // off), and under the one that it was drawn from.
  std::vector<float> logprobs;
  std::vector<float> sampled_logprobs;
  Finish finish = Finish::stop;
  int64_t weights_step = 0;  // the optimizer step whose weights made it
  std::string text;          // decoded, special tokens skipped
  Outcome outcome = Outcome::unscorable;
  double reward = 0;   // finite; meaningful where outcome == scored
  std::string detail;  // for the log and the report
  double penalty = 0;  // for its length, taken from the reward before the normalizer sees it
};

struct Group {
  Prompt prompt;
  std::vector<Response> responses;
};

}  // namespace golong
