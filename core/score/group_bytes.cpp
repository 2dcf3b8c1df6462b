#include "core/score/group_bytes.h"

#include "core/score/worker_messages.h"

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

void encode_responses(Encoder& out, const std::vector<Response>& responses) {
  out.number<uint64_t>(responses.size());
  for (const Response& response : responses) encode(out, response);
}

std::vector<Response> decode_responses(Decoder& in) {
  std::vector<Response> responses;
  for (auto left = in.number<uint64_t>(); left > 0; --left) responses.push_back(decode_response(in));
  return responses;
}

std::string encode_groups(const std::vector<Group>& groups) {
  Encoder out;
  out.number<uint64_t>(groups.size());
  for (const Group& group : groups) {
    encode(out, group.prompt);
    encode_responses(out, group.responses);
  }
  return out.take();
}

std::vector<Group> decode_groups(std::string_view bytes) {
  Decoder in(bytes);
  std::vector<Group> groups;
  for (auto left = in.number<uint64_t>(); left > 0; --left) {
    Group group;
    group.prompt = decode_prompt(in);
    group.responses = decode_responses(in);
    groups.push_back(std::move(group));
  }
  in.end();
  return groups;
}

}  // namespace golong
