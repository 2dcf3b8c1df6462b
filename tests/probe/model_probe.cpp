// What tests in Python want to know of the engine's inside and no command says: the memory that loading and saving a
// model take in a fresh process, and gradients. Prints one line of JSON.
//
//   model_probe load FOLDER DTYPE
//   model_probe save FOLDER DTYPE OUT_FOLDER OUT_DTYPE SHARD_BYTES
//   model_probe gradients FOLDER GROUP.json OUT.safetensors      {"prompt": ids, "responses": [ids, ...]}
#include <ATen/ATen.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/model/model.h"
#include "core/nn/logprob.h"
#include "core/train/packing.h"
#include "core/train/workspace.h"

namespace golong {
namespace {

namespace json = boost::json;

// A line of /proc/self/status ("VmHWM:", the most memory that the process ever had), in bytes.
int64_t memory(const std::string& line) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    int64_t kilobytes = 0;
    if (word == line && status >> kilobytes) return kilobytes * 1024;
  }
  fail("/proc/self/status has no ", line);
}

json::object measure(const std::function<void()>& work) {
  const int64_t before = memory("VmRSS:");
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return {{"before", before}, {"peak", memory("VmHWM:")}, {"after", memory("VmRSS:")}, {"seconds", seconds.count()}};
}

// LibTorch starts threads and takes memory of its own with the first conversion.
void warm_up() { at::ones({1 << 20}).to(at::kBFloat16).to(at::kFloat); }

json::object load(const std::string& folder, at::ScalarType dtype, std::unique_ptr<Model>& model) {
  warm_up();
  json::object result = measure([&] { model = load_model(folder, dtype, at::kCPU); });
  int64_t bytes = 0, largest = 0;
  for (const auto& [name, tensor] : model->parameters()) {
    bytes += tensor.numel() * static_cast<int64_t>(tensor.element_size());
    largest = std::max(largest, tensor.numel());
  }
  result["weights"] = bytes;
  result["largest_numel"] = largest;
  return result;
}

std::vector<int32_t> ids(const json::value& list) { return json::value_to<std::vector<int32_t>>(list); }

// The log-probabilities of all response tokens of one group, and the gradient of their sum.
json::object gradients(const std::string& folder, const std::string& input, const std::string& output) {
  const json::value given = json::parse(read_file(input));
  Group group;
  group.prompt.token_ids = ids(given.at("prompt"));
  for (const json::value& response : given.at("responses").as_array()) {
    group.responses.emplace_back().token_ids = ids(response);
  }
  const std::unique_ptr<Model> model = load_model(folder, at::kFloat, at::kCPU);
  const Packed packed = pack({&group}, model->device());
  GroupAttention attention(packed.layouts);
  const at::Tensor hidden = model->hidden(packed.token_ids, packed.positions, attention).index_select(0, packed.rows);
  const at::Tensor logprobs = nn::token_logprobs(hidden, model->head(), packed.targets).logprobs;
  logprobs.sum().backward();
  NamedTensors found{{"logprobs", logprobs}};
  for (const auto& [name, parameter] : model->parameters()) {
    // An expert that no token chose has no gradient, there it is 0.
    found.emplace_back("grad." + name, parameter.grad().defined() ? parameter.grad() : at::zeros_like(parameter));
  }
  write_safetensors(output, found);
  return {};
}

json::object answer(const std::vector<std::string>& words) {
  if (words.size() == 4 && words[0] == "gradients") return gradients(words[1], words[2], words[3]);
  std::unique_ptr<Model> model;
  if (words.size() == 3 && words[0] == "load") return load(words[1], parse_dtype(words[2]), model);
  if (words.size() == 6 && words[0] == "save") {
    json::object loaded = load(words[1], parse_dtype(words[2]), model);
    const json::object saved =
        measure([&] { save_model(*model, words[3], parse_dtype(words[4]), words[1], std::stoll(words[5])); });
    return {{"load", loaded}, {"save", saved}};
  }
  fail("usage: see tests/probe/model_probe.cpp");
}

}  // namespace
}  // namespace golong

int main(int count, char** words) {
  try {
    const boost::json::object result = golong::answer({words + 1, words + count});
    std::printf("%s\n", boost::json::serialize(result).c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
