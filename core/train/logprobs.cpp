#include "core/train/logprobs.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <boost/json.hpp>
#include <cmath>
#include <filesystem>
#include <sstream>

#include "core/base/error.h"
#include "core/base/json_writer.h"
#include "core/config/toml_text.h"
#include "core/data/row_file.h"
#include "core/nn/device.h"
#include "core/report/log.h"
#include "core/report/progress.h"
#include "core/train/forward.h"
#include "core/train/part_file.h"
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
  const json::value config = json::parse(shape.json);
  for (const char* key : {"dtype", "torch_dtype"}) {
    const json::value* value = config.as_object().if_contains(key);
    if (value && value->is_string() && value->as_string() == "bfloat16") return at::kBFloat16;
  }
  return at::kFloat;
}

// One row of the input.
struct TokenRow {
  json::value id;
  Group group;  // of one response
};

TokenRow read(const RowFile& rows, size_t index, const ModelShape& shape) {
  const std::string where = rows.where(index);
  boost::system::error_code error;
  const json::value row = json::parse(rows.line(index), error);
  if (error || !row.is_object()) fail(where, ": is no JSON object");
  TokenRow read;
  if (const json::value* id = row.as_object().if_contains("id")) read.id = *id;
  std::vector<int32_t>& prompt = read.group.prompt.token_ids;
  prompt = ids(row.as_object(), "prompt_ids", shape.vocabulary, where);
  read.group.responses.resize(1);
  std::vector<int32_t>& response = read.group.responses[0].token_ids;
  response = ids(row.as_object(), "response_ids", shape.vocabulary, where);
  if (prompt.empty()) fail(where, ": prompt_ids is empty; at least one token is needed");
  if (static_cast<int64_t>(prompt.size() + response.size()) > shape.max_positions) {
    fail(where, ": prompt_ids has ", prompt.size(), " tokens and response_ids ", response.size(),
         ", more than the model's ", shape.max_positions, " positions; shorten them");
  }
  return read;
}

std::string line(const Model& model, const TokenRow& row, const std::string& where, const std::string& folder) {
  json::array logprobs;
  if (!row.group.responses[0].token_ids.empty()) {
    const at::Tensor values =
        response_logprobs(model, pack({&row.group}, model.device()), 1).logprobs.to(at::kCPU).contiguous();
    for (int64_t i = 0; i < values.size(0); ++i) {
      const float value = values.const_data_ptr<float>()[i];
      if (!std::isfinite(value)) {
        fail(where, ": the log-probability of response token ", i, " is not finite: weights of ", folder,
             " are NaN or infinite, or too large for the dtype");
      }
      logprobs.push_back(value);
    }
  }
  return to_json(json::object{{"id", row.id}, {"logprobs", logprobs}}) + "\n";
}

}  // namespace

void write_logprobs(const LogprobsOptions& options, StopFlag* stop) {
  const ModelShape shape = read_shape(options.model);
  const at::ScalarType dtype = dtype_of(shape, options.dtype);
  const RowFile rows(options.input, {});
  std::ostringstream settings;
  settings << "input = " << toml_string(rows.fingerprint())
           << "\nmodel = " << toml_string(std::filesystem::canonical(options.model).string())
           << "\nmodel-files = " << toml_string(fingerprint_of_files(options.model))
           << "\ndtype = " << toml_string(dtype == at::kBFloat16 ? "bfloat16" : "float32")
           << "\ndevice = " << toml_string(options.device) << "\n";
  PartFile output(options.output, settings.str());
  const size_t done = output.done();
  if (done > 0) log::info("going on after ", done, " of ", rows.size(), " rows in ", options.output, ".part");
  if (done < rows.size()) {
    for (size_t i = done; i < rows.size(); ++i) read(rows, i, shape);  // before hours have gone into those before it
    const std::unique_ptr<Model> model = load_model(options.model, dtype, nn::open_device(options.device));
    const c10::NoGradGuard no_grad;
    Progress progress("logprobs", static_cast<int64_t>(rows.size()),
                      {.first = static_cast<int64_t>(done), .plain_seconds = 10});
    for (size_t i = done; i < rows.size(); ++i) {
      if (stop_asked(stop)) throw Stopped("stopped");
      output.write(line(*model, read(rows, i, shape), rows.where(i), options.model));
      progress.update(static_cast<int64_t>(i + 1));
    }
  }
  output.commit();
}

}  // namespace golong
