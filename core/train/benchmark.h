// How fast the model is updated from groups, beside what the machine can multiply: what `golong bench train` measures.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/data/group.h"
#include "core/model/model.h"
#include "core/train/api.h"
#include "core/train/learner.h"

namespace golong {

struct TrainSpeed {
  double median_seconds = 0;  // of forward, backward and AdamW, after a warm-up
  int64_t peak_bytes = 0;     // of the process, above its memory after the weights are loaded
  double loss = 0;            // of the first step
  double gradient_norm = 0;   // likewise, before clipping
  int64_t tokens = 0;         // computed by a step
  double flops = 0;           // of a step's matrix products and attention, forward and backward
  double matmul_flops = 0;    // a second, measured in the same run, in the model's dtype
  int64_t state_bytes = 0;    // of the weights, gradients and moments that a rank keeps
  int64_t updates = 0;        // that were made, the one to warm up included
};

// advantages[g][i] belongs to groups[g].responses[i].
struct TrainBatch {
  std::vector<Group> groups;
  std::vector<std::vector<double>> advantages;
};

// From JSON {prompt_ids: [[...]], response_ids: [[[...]]], advantages: [[...]]} with an entry for each group. Throws
// Error that names the place.
TrainBatch read_train_batch(const std::string& file, int64_t vocabulary);
TrainBatch random_train_batch(const TrainBenchOptions& options, int64_t vocabulary);

// Fresh weights where the folder has none. `experts`: see load_model().
std::unique_ptr<Model> model_to_measure(const EngineBenchOptions& options, at::Device device,
                                        const parallel::Group& experts = {});

// The loss is the mean over tokens with ratio 1. The gradients of the first step, before clipping, are written to
// options.dump_gradients as safetensors under their Hugging Face names. All of `ranks` call it together; numbers are
// those of this rank, but for loss and norm.
TrainSpeed measure_training(Model& model, TrainBatch batch, const TrainBenchOptions& options, LearnerRanks ranks = {});

// `golong bench train`, on one rank or several.
std::string bench_train(const TrainBenchOptions& options);

}  // namespace golong
