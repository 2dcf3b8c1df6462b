#include "core/model/weight_check.h"

#include <ATen/ATen.h>

#include <sstream>
#include <vector>

#include "core/base/error.h"
#include "core/base/machine.h"
#include "core/model/decoder.h"
#include "core/model/model.h"
#include "core/model/parameter_source.h"
#include "core/nn/device.h"

namespace golong {

namespace fs = std::filesystem;

namespace {

std::string show(at::IntArrayRef shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

}  // namespace

void check_weights(const ModelShape& shape, const StoredWeights& weights, const fs::path& folder) {
  constexpr size_t most = 20;  // more of them say that the whole file is another than was meant
  std::map<std::string, at::Tensor> left = weights.tensors();
  std::vector<std::string> problems;
  const auto raise = [&] {
    std::string lines;
    for (const std::string& problem : problems) lines += "\n  " + problem;
    fail(folder.string(), ": ", problems.size() == most ? "these tensors and perhaps more" : "these tensors",
         " do not fit config.json:", lines);
  };
  const auto complain = [&](const std::string& problem) {
    problems.push_back(problem);
    if (problems.size() == most) raise();
  };
  const auto check = [&](const std::string& name, const std::vector<int64_t>& expected) {
    const auto found = left.find(name);
    if (found == left.end()) {
      complain(name + ": missing, expected " + show(expected));
    } else if (const at::Tensor& tensor = found->second; tensor.sizes() != at::IntArrayRef(expected)) {
      complain(name + ": expected " + show(expected) + ", found " + show(tensor.sizes()));
    } else if (!tensor.is_floating_point()) {
      complain(name + ": expected a float type, found " + c10::toString(tensor.scalar_type()));
    }
    if (found != left.end()) left.erase(found);
    return at::empty({0});
  };
  make_decoder(shape, {check, {}});
  if (shape.tied) left.erase("lm_head.weight");
  for (const auto& [name, tensor] : left) {
    if (name.ends_with(".rotary_emb.inv_freq")) continue;  // old files keep it; it follows from config.json
    complain(name + ": not part of a " + shape.architecture + " of this config");
  }
  if (!problems.empty()) raise();
}

void check_memory(const ModelShape& shape, at::ScalarType dtype, at::Device device, const parallel::Group& experts) {
  const auto memory = static_cast<uint64_t>(nn::memory_of(device));
  if (memory == 0) return;  // unknown
  double bytes = 0;
  const auto count = [&](const std::string&, const std::vector<int64_t>& size) {
    double more = static_cast<double>(c10::elementSize(dtype));
    for (const int64_t extent : size) more *= static_cast<double>(extent);
    bytes += more;
    if (bytes > static_cast<double>(memory)) {
      fail("a model of ", shape.layers, " layers, hidden_size ", shape.hidden, " and vocab_size ", shape.vocabulary,
           " does not fit the memory of ", device.is_cuda() ? device.str() : "this machine", ", ", format_bytes(memory),
           ": its weights alone are more");
    }
    return at::empty({0});
  };
  make_decoder(shape, {count, {}}, experts);
}

}  // namespace golong
