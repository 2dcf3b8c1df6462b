#include "core/train/batch_file.h"

#include <boost/json.hpp>
#include <cmath>
#include <string>

#include "core/base/json_writer.h"
#include "core/base/output_file.h"

namespace golong {
namespace {

namespace json = boost::json;

json::value finite(double value) { return std::isfinite(value) ? json::value(value) : json::value(nullptr); }

template <class Number>
json::array list(const std::vector<Number>& values) {
  json::array numbers;
  for (Number value : values) numbers.push_back(finite(value));
  return numbers;
}

json::array ids(const std::vector<int32_t>& values) { return json::array(values.begin(), values.end()); }

json::object line(const Response& response, double advantage) {
  return {{"text", response.text},
          {"token_ids", ids(response.token_ids)},
          {"rollout_logprobs", list(response.sampled_logprobs)},
          {"finish", name(response.finish)},
          {"outcome", name(response.outcome)},
          {"reward", finite(response.reward)},
          {"penalty", finite(response.penalty)},
          {"advantage", finite(advantage)}};
}

}  // namespace

void write_batch(const std::filesystem::path& path, const std::vector<Group>& groups,
                 const std::vector<std::vector<double>>& advantages, const Tokenizer& tokenizer) {
  OutputFile file(path);
  for (size_t g = 0; g < groups.size(); ++g) {
    const Prompt& prompt = groups[g].prompt;
    json::array responses;
    for (size_t i = 0; i < groups[g].responses.size(); ++i) {
      responses.push_back(line(groups[g].responses[i], advantages[g][i]));
    }
    file.stream() << to_json(json::object{{"uid", prompt.uid},
                                          {"task", prompt.task},
                                          {"reward", prompt.reward},
                                          {"prompt", tokenizer.decode(prompt.token_ids, false)},
                                          {"prompt_ids", ids(prompt.token_ids)},
                                          {"gold", prompt.gold ? prompt.gold->json : ""},
                                          {"responses", std::move(responses)}})
                  << "\n";
  }
  file.commit();
}

}  // namespace golong
