#include "core/train/workspace.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <malloc.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/nn/context_attention.h"
#include "core/nn/device.h"
#include "core/report/log.h"
#include "core/text/model_template.h"
#include "core/train/reusing_allocator.h"

namespace golong {
namespace {

void check(const Config& config) {
  if (config.model.path.empty()) fail("model.path is not set; it names a Hugging Face folder");
  if (config.parallel.context > 1) {
    nn::check_context_heads(nn::parse_context_method(config.parallel.context_method), config.parallel.context,
                            read_shape(config.model.path).kv_heads);
  }
  if (config.parallel.expert > 1) check_expert_ranks(read_shape(config.model.path), config.parallel.expert);
}

}  // namespace

void keep_memory() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 64 << 20);
  reuse_memory();
}

void load_weights(Model& model, const Pieces& stored) {
  for (const auto& [name, tensor] : model.parameters()) {
    const at::Tensor weight = tensor.detach();
    stored.read(name, 0, weight.sizes().vec(), weight.view({-1}));
  }
}

at::ScalarType parse_dtype(const std::string& name) {
  if (name == "float32") return at::kFloat;
  if (name == "bfloat16") return at::kBFloat16;
  fail("dtype ", name, " is not supported; expected float32 or bfloat16");
}

Workspace Workspace::open(const Config& config, std::shared_ptr<const plugin::Registry> registry,
                          std::optional<uint64_t> fresh_seed, const parallel::Group& experts) {
  check(config);
  keep_memory();
  nn::set_deterministic(config.model.deterministic);
  const at::Device device = nn::open_device(config.model.device);
  if (config.run.threads > 0) at::set_num_threads(static_cast<int>(config.run.threads));
  Workspace w;
  w.registry = std::move(registry);
  std::filesystem::path folder = config.model.path;
  at::ScalarType dtype = parse_dtype(config.model.dtype);
  w.tokenizer = Tokenizer::load(folder);
  w.prompts = std::make_shared<PromptMaker>(config, w.registry, w.tokenizer);
  if (!has_weights(folder) && fresh_seed) {
    log::info(folder.string(), " has no weights: starting from fresh ones");
    w.model = make_model(read_shape(folder), dtype, device, *fresh_seed, experts);
  } else {
    w.model = load_model(folder, dtype, device, experts);
  }
  if (w.tokenizer->vocabulary_size() > w.model->shape().vocabulary) {
    fail((folder / "config.json").string(), ": vocab_size is ", w.model->shape().vocabulary, ", tokenizer.json has ",
         w.tokenizer->vocabulary_size(), " tokens; they do not belong together");
  }
  const std::string other = other_template(folder, config.model.chat_template, "model.chat_template");
  if (!other.empty()) log::warning(other);
  w.stop_ids = w.model->shape().eos_token_ids;
  const int32_t end = w.tokenizer->find(w.prompts->chat_template().end_of_turn()).value();  // PromptMaker has it
  if (std::find(w.stop_ids.begin(), w.stop_ids.end(), end) == w.stop_ids.end()) w.stop_ids.push_back(end);
  return w;
}

std::shared_ptr<const Dataset> Workspace::dataset(const Config& config, const std::vector<std::string>& files) const {
  Config limited = config;
  // One position is for the first token of the response.
  limited.data.max_prompt_tokens = std::min(config.data.max_prompt_tokens, model->shape().max_positions - 1);
  auto dataset = std::make_shared<Dataset>(files, limited, prompts, *tokenizer);
  std::string names;
  for (const std::string& file : files) names += (names.empty() ? "" : ", ") + file;
  log::info(names, ": ", dataset->size(), " rows, ", dataset->dropped(), " dropped as longer than ",
            limited.data.max_prompt_tokens, " tokens",
            limited.data.max_prompt_tokens < config.data.max_prompt_tokens ? ", which is all that the model has" : "");
  return dataset;
}

}  // namespace golong
