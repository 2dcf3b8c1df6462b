// What training, supervised training and evaluation have in common: the model, its tokenizer, and prompts made of rows.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/checkpoint/pieces.h"
#include "core/config/config.h"
#include "core/data/dataset.h"
#include "core/model/model.h"
#include "core/parallel/group.h"
#include "core/plugin/registry.h"
#include "core/text/tokenizer.h"
#include "core/train/api.h"

namespace golong {

struct Workspace {
  std::shared_ptr<const plugin::Registry> registry;
  std::unique_ptr<Model> model;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const PromptMaker> prompts;
  std::vector<int32_t> stop_ids;  // the end of a turn, and the model's own end tokens

  // Opens everything that config names; checks before anything is loaded that this build can do what is asked.
  // `fresh_seed`: makes fresh weights with this seed where the folder has none. `experts`: the ranks that keep the
  // model's experts among them (parallel.expert).
  static Workspace open(const Config& config, std::shared_ptr<const plugin::Registry> registry,
                        std::optional<uint64_t> fresh_seed = {}, const parallel::Group& experts = {});

  // Rows as prompts; says how many were dropped as over-long.
  std::shared_ptr<const Dataset> dataset(const Config& config, const std::vector<std::string>& files) const;
};

// glibc gives large blocks back to the kernel and faults them in again, up to half of the time of a step; from now on
// it keeps them, and uses them again (train/reusing_allocator.h).
void keep_memory();

// Puts a checkpoint's weights into the model, in place. Throws Error that names the first tensor that does not fit.
void load_weights(Model& model, const Pieces& stored);

at::ScalarType parse_dtype(const std::string& name);

// True once somebody asked to stop; never for nullptr.
inline bool stop_asked(const StopFlag* stop) { return stop && stop->load() != 0; }

}  // namespace golong
