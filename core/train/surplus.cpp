#include "core/train/surplus.h"

#include <algorithm>
#include <iterator>

#include "core/base/bytes.h"
#include "core/score/worker_messages.h"
#include "core/train/batch.h"

namespace golong {
namespace {

void encode(Encoder& out, const Prompt& prompt) {
  out.text(prompt.uid).number(prompt.key).number(prompt.draw);
  out.text(prompt.task).text(prompt.reward).text(prompt.norm_key);
  out.number<uint64_t>(prompt.messages.size());
  for (const Message& message : prompt.messages) out.text(message.role).text(message.content);
  out.numbers(prompt.token_ids);
  out.text(prompt.gold ? encode(*prompt.gold) : "");
}

Prompt decode_prompt(Decoder& in) {
  Prompt prompt;
  prompt.uid = in.text();
  prompt.key = in.number<uint64_t>();
  prompt.draw = in.number<uint64_t>();
  prompt.task = in.text();
  prompt.reward = in.text();
  prompt.norm_key = in.text();
  for (auto left = in.number<uint64_t>(); left > 0; --left) {
    Message message;
    message.role = in.text();
    message.content = in.text();
    prompt.messages.push_back(std::move(message));
  }
  prompt.token_ids = in.numbers<int32_t>();
  if (const std::string gold = in.text(); !gold.empty()) {
    prompt.gold = std::make_shared<const Gold>(decode_gold(gold));
  }
  return prompt;
}

void encode(Encoder& out, const Response& response) {
  out.numbers(response.token_ids).numbers(response.logprobs).numbers(response.sampled_logprobs);
  out.number(static_cast<int32_t>(response.finish)).number(response.weights_step).text(response.text);
  out.number(static_cast<int32_t>(response.outcome)).number(response.reward).text(response.detail);
  out.number(response.penalty);
}

Response decode_response(Decoder& in) {
  Response response;
  response.token_ids = in.numbers<int32_t>();
  response.logprobs = in.numbers<float>();
  response.sampled_logprobs = in.numbers<float>();
  response.finish = static_cast<Finish>(in.number<int32_t>());
  response.weights_step = in.number<int64_t>();
  response.text = in.text();
  response.outcome = static_cast<Outcome>(in.number<int32_t>());
  response.reward = in.number<double>();
  response.detail = in.text();
  response.penalty = in.number<double>();
  return response;
}

}  // namespace

std::vector<Group> take_first(std::vector<Group>& waiting, size_t count) {
  const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(std::min(count, waiting.size()));
  std::vector<Group> taken(std::make_move_iterator(waiting.begin()), std::make_move_iterator(end));
  waiting.erase(waiting.begin(), end);
  return taken;
}

Metrics surplus_metrics(const std::vector<Group>& trained, const std::vector<Group>& waiting, int64_t weights_step) {
  double stale = 0;
  for (const Group& group : trained) {
    for (const Response& response : group.responses) stale += static_cast<double>(weights_step - response.weights_step);
  }
  return {{"train/staleness", stale / std::max(responses_of(trained), 1.0)},
          {"train/surplus", static_cast<double>(waiting.size())}};
}

std::string encode_groups(const std::vector<Group>& groups) {
  Encoder out;
  out.number<uint64_t>(groups.size());
  for (const Group& group : groups) {
    encode(out, group.prompt);
    out.number<uint64_t>(group.responses.size());
    for (const Response& response : group.responses) encode(out, response);
  }
  return out.take();
}

std::vector<Group> decode_groups(std::string_view bytes) {
  Decoder in(bytes);
  std::vector<Group> groups;
  for (auto left = in.number<uint64_t>(); left > 0; --left) {
    Group group;
    group.prompt = decode_prompt(in);
    for (auto responses = in.number<uint64_t>(); responses > 0; --responses) {
      group.responses.push_back(decode_response(in));
    }
    groups.push_back(std::move(group));
  }
  in.end();
  return groups;
}

}  // namespace golong
