#include "core/train/logprobs.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <boost/json.hpp>
#include <cmath>
#include <fstream>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_writer.h"
#include "core/nn/device.h"
#include "core/train/forward.h"
#include "core/train/workspace.h"

namespace golong {
namespace {

namespace json = boost::json;

std::vector<int32_t> ids(const json::object& row, const char* key, int64_t vocabulary, const std::string& where) {
  const json::value* value = row.if_contains(key);
  if (!value || !value->is_array()) fail(where, ": ", key, " must be a list of token ids");
  std::vector<int32_t> found;
  for (const json::value& id : value->as_array()) {
    boost::system::error_code error;
    int64_t number = id.is_number() ? id.to_number<int64_t>(error) : -1;
    if (error || number < 0 || number >= vocabulary) {
      fail(where, ": ", key, " holds ", json::serialize(id), "; ids from 0 to ", vocabulary - 1, " are expected");
    }
    found.push_back(static_cast<int32_t>(number));
  }
  return found;
}

at::ScalarType dtype_of(const ModelShape& shape, const std::string& asked) {
  if (!asked.empty()) return parse_dtype(asked);
  json::value config = json::parse(shape.json);
  for (const char* key : {"dtype", "torch_dtype"}) {
    const json::value* value = config.as_object().if_contains(key);
    if (value && value->is_string()) return parse_dtype(std::string(value->as_string()));
  }
  return at::kFloat;
}

}  // namespace

void write_logprobs(const std::string& folder, const std::string& input, const std::string& output,
                    const std::string& dtype, const std::string& device) {
  std::unique_ptr<Model> model = load_model(folder, dtype_of(read_shape(folder), dtype), nn::open_device(device));
  std::ifstream in(input);
  if (!in) fail("cannot open ", input);
  c10::NoGradGuard no_grad;
  std::string line, out;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    std::string where = input + ":" + std::to_string(number);
    boost::system::error_code error;
    json::value row = json::parse(line, error);
    if (error || !row.is_object()) fail(where, ": is no JSON object");
    Group group;
    group.prompt.token_ids = ids(row.as_object(), "prompt_ids", model->shape().vocabulary, where);
    group.responses.resize(1);
    group.responses[0].token_ids = ids(row.as_object(), "response_ids", model->shape().vocabulary, where);
    if (group.prompt.token_ids.empty()) fail(where, ": prompt_ids is empty; at least one token is needed");
    json::array logprobs;
    if (!group.responses[0].token_ids.empty()) {
      at::Tensor values =
          response_logprobs(*model, pack({&group}, model->device()), 1).logprobs.to(at::kCPU).contiguous();
      for (int64_t i = 0; i < values.size(0); ++i) {
        const float value = values.const_data_ptr<float>()[i];
        if (!std::isfinite(value)) {
          fail(where, ": the log-probability of response token ", i, " is not finite: weights of ", folder,
               " are NaN or infinite, or too large for the dtype");
        }
        logprobs.push_back(value);
      }
    }
    const json::value* id = row.as_object().if_contains("id");
    out += to_json(json::object{{"id", id ? *id : json::value(nullptr)}, {"logprobs", logprobs}}) + "\n";
  }
  write_file_atomic(output, out);
}

}  // namespace golong
